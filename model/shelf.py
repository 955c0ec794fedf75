"""What is known of the stored memes by somebody who sees only what is asked and answered: which must be there, and which may be.

Moments are numbers that only grow, one for each beginning and end of an exchange. A meme is *sure* from the end of the exchange that first
showed it, and *possible* from the beginning of the first one that asked for it.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from model.http_answers import Illegal, require
from model.values import Payload


@dataclass(slots=True)
class Shelf:
    """What may be on the shelf, what must be, and in which order it is known to have come there.

    `looks(payload)` are the documents that a meme of this payload may be shown as, as JSON texts with sorted keys.
    """

    looks: Callable[[Payload], frozenset[str]]
    possible: dict[str, tuple[Payload, int]] = field(default_factory=dict)
    sure: dict[str, int] = field(default_factory=dict)
    found: dict[str, int] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)

    def asked(self, payload: Payload, moment: int) -> None:
        """Somebody begins to ask for this payload."""
        self.possible.setdefault(payload.meme_id, (payload, moment))

    def made(self, meme_id: str, moment: int, *, stored: bool) -> None:
        """Somebody was shown that this meme is made; `stored` where it can only be in the store, and not in its outbox."""
        self.found.setdefault(meme_id, moment)
        if stored:
            self.sure.setdefault(meme_id, moment)

    def must_find(self, meme_id: str, began: int) -> bool:
        """Whether an exchange that began then must find a meme."""
        return self.found.get(meme_id, began) < began

    def shown(self, document: Any) -> str:  # noqa: ANN401 - any JSON document
        """The id of a meme as it is shown. Raises Illegal if nobody asked for it, or it looks otherwise."""
        meme_id = document.get("id") if isinstance(document, dict) else None
        require(meme_id in self.possible, f"nobody asked for this: {document}")
        assert isinstance(meme_id, str)
        legal = self.looks(self.possible[meme_id][0])
        text = json.dumps(document, sort_keys=True)
        if text not in legal:
            raise Illegal(f"the meme {meme_id} is shown as {text}; it may look like {sorted(legal)}")
        return meme_id

    def listed(self, documents: Iterable[Any], began: int, ended: int, *, whole: bool) -> list[str]:
        """The ids of a list, newest first; `whole` where nothing may be missing. Raises Illegal if that cannot be the list."""
        ids = [self.shown(document) for document in documents]
        require(len(set(ids)) == len(ids), f"a meme is listed twice: {ids}")
        for newer, older in pairwise(ids):
            came = self.sure.get(newer, ended)
            require(self.possible[older][1] <= came, f"{newer} stands before {older}, and was there before that was asked for")
        places = [self.order.index(each) for each in reversed(ids) if each in self.order]
        require(places == sorted(places), f"the list {ids} has another order than before: {self.order}")
        if whole:
            missing = [meme_id for meme_id, moment in self.sure.items() if moment < began and meme_id not in ids]
            require(not missing, f"stored, and not listed: {missing} (listed: {ids})")
            self._remember(ids)
        for meme_id in ids:
            self.made(meme_id, ended, stored=True)
        return ids

    def count(self, number: int, fits: Callable[[Payload], bool], began: int) -> None:
        """A number of memes. Raises Illegal if there must be more, or cannot be so many."""
        least = sum(1 for meme_id, moment in self.sure.items() if moment < began and fits(self.possible[meme_id][0]))
        most = sum(1 for payload, _ in self.possible.values() if fits(payload))
        require(least <= number <= most, f"{number} memes are counted; there are {least} at least, {most} at most")

    def _remember(self, ids: list[str]) -> None:
        """What a whole list says of the order, oldest first."""
        oldest_first = ids[::-1]
        if set(self.order) <= set(oldest_first):
            self.order = oldest_first


def searched(document: Mapping[str, Any], *, text: str, format: str | None, min_score: float) -> bool:  # noqa: A002 - the field's name
    """Whether a search finds a meme that is shown like this."""
    texts = (document["topic"], document["text"]["top"], document["text"]["bottom"])
    return (
        any(text.casefold() in each.casefold() for each in texts)
        and format in {None, document["format"]}
        and document["score"]["total"] >= min_score
    )


def words_of(topic: str) -> frozenset[str]:
    """The words of a topic that trends count: three letters or more."""
    return frozenset(re.findall(r"[^\W\d_]{3,}", topic.casefold()))
