"""What a request over HTTP asks for, or why it is refused whatever the state of the service: routes, methods, queries, headers, bodies.

`judge` reads what is sent, in the order in which a server must: its length, its path, its method, its media type, its body, its fields.
What it asks for is answered by what is known of the service, which is `model.service`'s to say.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, unquote

from model.http_fields import SEARCH, WISH, Fields, fields_of
from model.http_json import Deep, Malformed, read

MOST_BYTES: Final = 64 * 1024
PROBLEMS: Final[Mapping[str, int]] = {
    "malformed": 400,
    "not-found": 404,
    "method-not-allowed": 405,
    "conflict": 409,
    "cancelled": 409,
    "too-large": 413,
    "unsupported-media-type": 415,
    "invalid": 422,
    "rejected": 422,
    "rate-limited": 429,
    "internal": 500,
    "generation-failed": 503,
    "overloaded": 503,
    "unavailable": 503,
    "timed-out": 504,
}
"""The status of each type of problem. The types are for programs, and never change."""
PERIODS: Final = ("hour", "day", "week", "month", "all")
ROUTES: Final[Mapping[str, Mapping[str, str]]] = {
    "/api/v1/memes/": {"GET": "list", "POST": "make"},
    "/api/v1/memes/async": {"POST": "make later"},
    "/api/v1/memes/status/{id}": {"GET": "status"},
    "/api/v1/memes/{id}": {"GET": "look"},
    "/api/v1/memes/{id}/image": {"GET": "picture"},
    "/api/v1/analytics/stats/{id}": {"GET": "stats"},
    "/api/v1/analytics/trending": {"GET": "trending"},
    "/api/v1/analytics/search": {"POST": "search"},
    "/api/health": {"GET": "health"},
    "/api/health/live": {"GET": "live"},
    "/api/health/ready": {"GET": "ready"},
    "/metrics": {"GET": "metrics"},
    "/": {"GET": "page"},
    "/static/{id}": {"GET": "static"},
    "/problems/{id}": {"GET": "problem"},
    "/openapi.json": {"GET": "schema", "HEAD": "schema"},
}
"""Which methods a path knows, and what each does. `{id}` is anything but a slash."""
STATIC: Final = ("page.css", "page.js")
KEY: Final = re.compile(r"[\x21-\x7e]{1,128}")
MEME_ID: Final = re.compile(r"m-[0-9a-f]{16}")
NAMED: Final[Mapping[str, Callable[[str], object]]] = {
    "look": MEME_ID.fullmatch,
    "picture": MEME_ID.fullmatch,
    "static": STATIC.__contains__,
    "problem": PROBLEMS.__contains__,
}
"""What could be the name of such a thing: nothing else is looked up."""


@dataclass(frozen=True, slots=True, repr=False)
class Sent:
    """A request as it goes over the wire. `target` is the path, percent-encoded, with its query; names of headers are in lower case.

    `announced` is whether its Content-Length says how long the body is.
    """

    method: str
    target: str
    headers: tuple[tuple[str, bytes], ...] = ()
    body: bytes = b""
    announced: bool = True

    def __repr__(self) -> str:
        """As Python, short also where the body is long and says the same again and again."""
        rest = "" if self.announced else ", announced=False"
        return f"Sent({self.method!r}, {self.target!r}, {self.headers!r}, {_shown(self.body)}{rest})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ANN401, ARG002, FBT001 - IPython's protocol, which Hypothesis speaks
        printer.text(repr(self))

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        return next((value.decode("latin-1") for each, value in self.headers if each == name), None)

    @property
    def path(self) -> str:
        """The path, decoded."""
        return unquote(self.target.partition("?")[0])

    @property
    def query(self) -> dict[str, str]:
        """The query's fields; of one that stands twice the last counts."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Refused:
    """A problem is the answer, one of `problems`. `least` are the fields that must be named, `most` those that may, None for any.

    `allow` is what a 405 says of the path's methods.
    """

    problems: tuple[str, ...]
    least: frozenset[str] = frozenset()
    most: frozenset[str] | None = None
    allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Moved:
    """The path is this one but for a slash at its end."""

    path: str


@dataclass(frozen=True, slots=True)
class Asks:
    """A fit request: `what` it asks for, of which thing (an id, a period, a name), with which values.

    `unsure` where it may also be unfit.
    """

    what: str
    of: str = ""
    values: Fields = ()
    key: str | None = None
    unsure: Refused | None = None

    def __getitem__(self, name: str) -> object:
        """A value by its name; KeyError if there is none."""
        return dict(self.values)[name]


Judged: TypeAlias = Refused | Moved | Asks


def judge(sent: Sent) -> Judged:
    """What a request asks for, or why it is refused."""
    length = sent.header("content-length") or (str(len(sent.body)) if sent.announced else "0")
    if not re.fullmatch(r"[0-9]{1,20}", length) or int(length) > MOST_BYTES:
        return Refused(("too-large",))
    matching = {template: found for template in ROUTES if (found := _match(template, sent.path)) is not None}
    for template, found in matching.items():
        what = ROUTES[template].get(sent.method)
        if what is not None:
            return _asked(what, found, sent)
    if matching:
        return Refused(("method-not-allowed",), allow=tuple(sorted(ROUTES[next(iter(matching))])))
    other = sent.path.rstrip("/") if sent.path.endswith("/") else sent.path + "/"
    return Moved(other) if any(_match(template, other) is not None for template in ROUTES) else Refused(("not-found",))


def _shown(body: bytes) -> str:
    """Bytes as an expression; what is repeated is shown once."""
    if len(body) < 200:
        return repr(body)
    runs = re.finditer(rb"(.)\1{9,}|(?:(?!(.)\2{9,}).)+", body, re.DOTALL)
    return " + ".join(f"{run[1]!r} * {len(run[0])}" if run[1] else repr(run[0]) for run in runs)


def _match(template: str, path: str) -> str | None:
    """What stands for `{id}`, "" if nothing does; None if the path is another. A newline at the very end is not noticed."""
    before, brace, after = template.partition("{id}")
    if not brace:
        return "" if path in {template, template + "\n"} else None
    found = re.fullmatch(re.escape(before) + r"([^/]+?)" + re.escape(after) + (r"\n?" if after else ""), path, re.DOTALL)
    return found[1] if found else None


def _asked(what: str, of: str, sent: Sent) -> Judged:
    match what:
        case "make" | "make later" | "search":
            return _with_body(what, sent)
        case "list":
            return _with_query(what, sent, limit=(1, 100, 20), start=(0, 2**63 - 1, None))
        case "trending":
            return _with_query(what, sent, limit=(1, 50, 10))
        case "stats" if of not in PERIODS:
            return _unfit("period")
    return Asks(what, of) if what not in NAMED or NAMED[what](of) else Refused(("not-found",))


def _unfit(*least: str, most: frozenset[str] = frozenset()) -> Refused:
    return Refused(("invalid",), frozenset(least), frozenset(least) | most)


def _with_query(what: str, sent: Sent, **numbers: tuple[int, int, int | None]) -> Judged:
    values: list[tuple[str, object]] = []
    unfit: set[str] = set()
    unsure: set[str] = set()
    query = sent.query
    for name, (least, most, default) in numbers.items():
        text = query.get(name)
        if text is None:
            values.append((name, default))
        elif re.fullmatch(r"-?(0|[1-9][0-9]*)", text):
            # Thousands of digits are too many for `int`, and too large for sure.
            fits = len(text) < 25 and least <= int(text) <= most
            values.append((name, int(text) if fits else None))
            unfit |= set() if fits else {name}
        elif re.search(r"[0-9]", text):
            unsure.add(name)  # 007, 1.0, +3: a whole number to some
        else:
            unfit.add(name)
    if what == "trending":
        period = query.get("period", "day")
        values.append(("period", period))
        unfit |= set() if period in PERIODS else {"period"}
    if unfit:
        return _unfit(*unfit, most=frozenset(unsure))
    return Asks(what, values=tuple(values), unsure=_unfit(most=frozenset(unsure)) if unsure else None)


def _with_body(what: str, sent: Sent) -> Judged:
    media_type = (sent.header("content-type") or "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        return Refused(("unsupported-media-type",))
    if len(sent.body) > MOST_BYTES:
        return Refused(("too-large",))
    key = sent.header("idempotency-key") if what != "search" else None
    bad_key = {"Idempotency-Key"} if key is not None and not KEY.fullmatch(key) else set[str]()
    try:
        document = read(sent.body)
    except Malformed:
        return Refused(("malformed",))
    except Deep:
        return Refused(("malformed", "invalid"))
    fit = fields_of(SEARCH if what == "search" else WISH, document)
    if fit.least or bad_key:
        return Refused(("invalid",), fit.least | bad_key, None if fit.most is None else fit.most | bad_key)
    return Asks(what, values=fit.values, key=key)
