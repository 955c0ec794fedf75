"""What the service may answer to those who look at what is made, and at how it is."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from model.http_answers import Answer, names_tag, problem_of, require, tag_of
from model.service import Books, Exchange, Read
from model.shelf import searched, words_of
from model.values import Payload, Record


def _away(books: Books, exchange: Exchange, answer: Answer) -> bool:
    """Whether the answer is that the store is away; Illegal where it is not."""
    if answer.status != 503:
        require(answer.status == 200, f"{answer.status}, expected 200: {answer.body[:300]!r}")
        require(books.store_was(exchange)[1], "read from a store that is away")
        return False
    require(problem_of(answer)[0] == "unavailable", f"{problem_of(answer)}, expected unavailable")
    require(books.store_was(exchange)[0], "unavailable, and the store is there")
    return True


def _list(books: Books, exchange: Exchange, answer: Answer, ended: int) -> None:
    if _away(books, exchange, answer):
        return
    document, limit = answer.document(), exchange.wish["limit"]
    ids, following = document["memes"], document["next"]
    unsure = exchange.wish.unsure is not None
    require(unsure or len(ids) <= int(str(limit)), f"{len(ids)} memes on a page of {limit}")
    require(unsure or following is None or len(ids) == limit, f"{len(ids)} memes on a page of {limit}, and another follows")
    whole = not unsure and following is None and exchange.wish["start"] is None
    books.shelf.listed(ids, exchange.began, ended, whole=whole)


def _found(books: Books, exchange: Exchange, answer: Answer) -> tuple[Payload, frozenset[Record]] | None:
    """What may be found under an id, None if nothing is. Raises Illegal where something must, or something else is."""
    meme_id = exchange.wish.of
    maybe_down, maybe_up = books.store_was(exchange)
    must = books.shelf.must_find(meme_id, exchange.began)
    if answer.status == 404:
        require(problem_of(answer)[0] == "not-found" and not must, f"{meme_id} was shown before, and is not found")
        require(maybe_up, f"{meme_id} is said not to exist, and the store cannot be asked")
        return None
    if answer.status == 503:
        require(problem_of(answer)[0] == "unavailable" and maybe_down, "unavailable, and the store is there")
        require(not must, f"{meme_id} is remembered, and can be shown although the store is away")
        return None
    require(meme_id in books.shelf.possible, f"{answer.status} for {meme_id}, which nobody asked for")
    degraded = answer.header("x-degraded")
    require(degraded in {None, "store"}, f"X-Degraded: {degraded}")
    require(degraded is None or books.ever_down, "said to come from memory, and the store was never away")
    require(degraded is not None or maybe_up, "not said to come from memory, and the store is away")
    payload = books.shelf.possible[meme_id][0]
    return payload, books.records(payload)


def _look(books: Books, exchange: Exchange, answer: Answer, ended: int) -> None:
    if _found(books, exchange, answer) is None:
        return
    require(answer.status == 200, f"{answer.status}, expected 200")
    meme_id = books.shelf.shown(answer.document())
    require(meme_id == exchange.wish.of, f"{meme_id} in the place of {exchange.wish.of}")
    books.shelf.made(meme_id, ended, stored=False)


def _picture(books: Books, exchange: Exchange, answer: Answer, ended: int) -> None:
    found = _found(books, exchange, answer)
    if found is None:
        return
    payload, records = found
    tag, asked = answer.header("etag") or "", exchange.sent.header("if-none-match")
    require(tag in {tag_of(record.png) for record in records}, f"the ETag {tag} is of no picture of {payload}")
    degraded = answer.header("x-degraded") is not None
    caching = "no-store" if degraded else "public, max-age=3600"
    require(answer.header("cache-control") == caching, f"Cache-Control is {answer.header('cache-control')!r}, expected {caching!r}")
    require(answer.header("content-disposition") == f'inline; filename="{payload.meme_id}.png"', "the picture has another name")
    if names_tag(asked, tag):
        require(answer.status == 304 and not answer.body, f"{answer.status}, and If-None-Match {asked!r} names {tag}")
    else:
        require(answer.status == 200 and answer.media_type == "image/png", f"{answer.status} {answer.media_type}, expected a PNG")
        require(tag_of(answer.body) == tag, "the picture is not the one that its ETag names")
    books.shelf.made(payload.meme_id, ended, stored=False)


def _stats(books: Books, exchange: Exchange, answer: Answer, _: int) -> None:
    if _away(books, exchange, answer):
        return
    document, began = answer.document(), exchange.began
    require(document["period"] == exchange.wish.of, f"the period is {document['period']}, asked for {exchange.wish.of}")
    books.shelf.count(document["memes"], lambda _: True, began)
    by_format: dict[str, int] = document["by_format"]
    require(sum(by_format.values()) == document["memes"], f"{by_format} are not {document['memes']}")
    for name in ("classic", "drake", "two-buttons", "distracted", "expanding-brain"):
        books.shelf.count(by_format.get(name, 0), lambda payload, name=name: payload.format == name, began)  # type: ignore[misc]
    require(0 <= document["degraded"] <= document["memes"], f"{document['degraded']} of {document['memes']} are degraded")
    require((document["best"] is None) == (document["memes"] == 0), "the best of none, or none of some")
    require((document["mean_score"] is None) == (document["memes"] == 0), "the mean of none, or none of some")
    if document["best"] is not None:
        books.shelf.shown(document["best"])
        _mean(books, document, began)


def _mean(books: Books, document: dict[str, Any], began: int) -> None:
    """Where it is known what is stored, so are its mean and its best."""
    shelf = books.shelf
    best = document["best"]["score"]["total"]
    looks = [shelf.looks(payload) for payload, _ in shelf.possible.values()]
    settled = all(shelf.sure.get(meme_id, began) < began for meme_id in shelf.possible) and all(len(each) == 1 for each in looks)
    if settled:
        scores = [json.loads(text)["score"]["total"] for (text,) in looks]
        require(abs(document["mean_score"] - sum(scores) / len(scores)) < 1e-5, f"the mean is {document['mean_score']}, of {scores}")
        require(best == max(scores), f"the best has {best}, of {scores}")


def _trending(books: Books, exchange: Exchange, answer: Answer, _: int) -> None:
    if _away(books, exchange, answer):
        return
    words = answer.document()["words"]
    limit = exchange.wish["limit"]
    require(exchange.wish.unsure is not None or len(words) <= int(str(limit)), f"{len(words)} words, {limit} were asked for")
    order = [(-each["memes"], each["word"]) for each in words]
    require(order == sorted(order), f"out of order: {words}")
    for each in words:
        books.shelf.count(each["memes"], lambda payload, word=each["word"]: word in words_of(payload.topic), exchange.began)  # type: ignore[misc]


def _search(books: Books, exchange: Exchange, answer: Answer, ended: int) -> None:
    if _away(books, exchange, answer):
        return
    wish: dict[str, Any] = dict(exchange.wish.values)
    criteria = {name: wish[name] for name in ("text", "format", "min_score")}
    documents = answer.document()["memes"]
    require(len(documents) <= wish["limit"], f"{len(documents)} were found, {wish['limit']} were asked for")
    ids = books.shelf.listed(documents, exchange.began, ended, whole=False)
    for document in documents:
        require(searched(document, **criteria), f"{document['id']} does not fit {criteria}")
    if len(documents) < wish["limit"]:
        for meme_id, moment in books.shelf.sure.items():
            looks = books.shelf.looks(books.shelf.possible[meme_id][0])
            if moment < exchange.began and all(searched(json.loads(text), **criteria) for text in looks):
                require(meme_id in ids, f"{meme_id} fits {criteria}, and was not found among {ids}")


def _health(books: Books, exchange: Exchange, answer: Answer, _: int) -> None:
    ready = exchange.asks == "ready"
    document = answer.document()
    status = document["status"]
    require(answer.status == (503 if status == "down" else 200), f"{answer.status}, and it is {status}")
    begun = books.stopping is not None or (ready and books.draining is not None)
    over = (books.stopped is not None and books.stopped < exchange.began) or (
        ready and books.drained is not None and books.drained < exchange.began
    )
    require(status != "down" or begun, f"down, and nobody ends it: {document}")
    require(status == "down" or not over, f"{status}, and it is about to end: {document}")
    require(status != "degraded" or books.ever_down or books.crashed or begun, f"degraded, and nothing has happened: {document}")
    require(answer.header("cache-control") == "no-store", "health may be cached")


def _metrics(books: Books, _: Exchange, answer: Answer, __: int) -> None:
    require(answer.status == 200 and answer.media_type == "text/plain", f"{answer.status} {answer.media_type}")
    numbers = {name: float(value) for name, value in re.findall(r"^(memespy_\w+) ([-+.\w]+)$", answer.body.decode(), re.MULTILINE)}
    taken = [each for each in books.exchanges if each.asks.startswith("make")]
    require(0 <= numbers["memespy_in_flight"] <= len(taken), f"{numbers['memespy_in_flight']} in flight, of {len(taken)}")
    require(0 <= numbers["memespy_http_in_line"] <= books.limits.in_line, f"{numbers['memespy_http_in_line']} in line")
    _histograms(answer.body.decode())


def _histograms(text: str) -> None:
    """Each bucket of a histogram counts those of the smaller ones too, and the last one all (Prometheus, Text-based format)."""
    counts = {series: int(float(value)) for series, value in re.findall(r"^(memespy_\w+_count(?:{[^}]*})?) (\S+)$", text, re.MULTILINE)}
    buckets: dict[str, list[int]] = {}
    for name, labels, value in re.findall(r"^(memespy_\w+)_bucket{([^}]*)} (\S+)$", text, re.MULTILINE):
        others = ",".join(each for each in labels.split(",") if not each.startswith("le="))
        buckets.setdefault(f"{name}_count" + (f"{{{others}}}" if others else ""), []).append(int(float(value)))
    for series, found in buckets.items():
        require(found == sorted(found), f"the buckets of {series} do not add up: {found}")
        require(counts.get(series) == found[-1], f"{series} is {counts.get(series)}, and its last bucket {found[-1]}")


def _there(_: Books, __: Exchange, answer: Answer, ___: int) -> None:
    require(answer.status == 200, f"{answer.status}, expected 200")


READS: Final[Mapping[str, Read]] = {
    **dict.fromkeys(("page", "static", "problem", "schema", "live"), _there),
    "list": _list,
    "look": _look,
    "picture": _picture,
    "stats": _stats,
    "trending": _trending,
    "search": _search,
    "health": _health,
    "ready": _health,
    "metrics": _metrics,
}
"""By what is asked for, how an answer to one who only looks is judged."""
