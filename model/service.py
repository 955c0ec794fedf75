"""What the service may answer over HTTP, by all that was asked and answered before and meanwhile.

`begin` notes that somebody sends something, `end` holds the answer against what is known, and raises Illegal where no correct service gives
it. Nothing is known but what a client can see, the faults that were made, and the world that memes are made in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from model.http import Asks, Judged, Moved, Refused, Sent, judge
from model.http_answers import Answer, Illegal, Told, problem_of, require, told, told_by
from model.http_status import ANY, Statuses
from model.shelf import Shelf
from model.values import Cancelled, Failed, Outcome, Payload, Record

STAGES: Final = ("routing", "cache", "text", "verification", "scoring", "refining", "image", "storing")

Identity = tuple[str, str]
"""Who asks and under which key; without a key ("", the number of the exchange)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`at_once` makers are served and `in_line` wait; a user may send `burst` in a row; a text is waited for `text_s` seconds."""

    at_once: int
    in_line: int
    burst: int
    text_s: float = 10.0


@dataclass(slots=True, eq=False)
class Exchange:
    """Something that was sent, from the moment `began` on; `ended` once it is answered, or its client has left."""

    serial: int
    sent: Sent
    judged: Judged
    began: int
    began_s: float
    ended: int | None = None
    left: bool = False
    refused: bool = False
    """Whether it is known not to have been taken."""

    @property
    def asks(self) -> str:
        """What it asks for; "" where it is refused for what it is."""
        return self.judged.what if isinstance(self.judged, Asks) else ""

    @property
    def wish(self) -> Asks:
        """What it asks for, of one that is fit."""
        assert isinstance(self.judged, Asks)
        return self.judged

    @property
    def payload(self) -> Payload:
        """What a maker wants made."""
        values: dict[str, Any] = dict(self.wish.values)
        return Payload(
            values["topic"], values["format"], values["style"], values["context"], values["max_refinements"], values["target_score"]
        )

    @property
    def user(self) -> str:
        """Who a maker says to be."""
        return str(self.wish["user_id"])

    @property
    def identity(self) -> Identity:
        """What makes this request the same as another."""
        return ("", str(self.serial)) if self.wish.key is None else (self.user, self.wish.key)

    def deadline_s(self) -> float:
        """When its time is up, by the clock that `began_s` is on, if it was taken at once."""
        seconds: Any = self.wish["deadline_s"]
        return self.began_s + float(seconds)


Read: TypeAlias = Callable[["Books", Exchange, Answer, int], None]
"""Holds an answer against what is known; the last argument is the moment of its end."""


@dataclass(slots=True)
class Books:
    """All that is known. `outcomes(payload)` are those that its faults allow, `records(payload)` what may be stored of it.

    `reads` says how the answers to those who only look are judged. The pipeline begins to stop at `stopping` and has stopped at `stopped`;
    between `draining` and `drained` the server begins to say that it will end.
    """

    limits: Limits
    reads: Mapping[str, "Read"]
    outcomes: Callable[[Payload], frozenset[Outcome]]
    records: Callable[[Payload], frozenset[Record]]
    shelf: Shelf
    moment: int = 0
    exchanges: list[Exchange] = field(default_factory=list)
    owners: dict[Identity, Payload] = field(default_factory=dict)
    endings: dict[Identity, Told] = field(default_factory=dict)
    statuses: Statuses = field(default_factory=Statuses)
    outages: list[tuple[int, bool]] = field(default_factory=list)
    stopping: int | None = None
    stopped: int | None = None
    draining: int | None = None
    drained: int | None = None
    crashed: bool = False
    slowed_s: float = 0.0
    """For how long texts were made to take, in all: whoever comes behind such ones waits for them too."""

    def tick(self) -> int:
        """The next moment."""
        self.moment += 1
        return self.moment

    # -- what happens ----------------------------------------------------------------------------------------------------------

    def begin(self, sent: Sent, now_s: float) -> Exchange:
        """Somebody sends something."""
        exchange = Exchange(len(self.exchanges) + 1, sent, judge(sent), self.tick(), now_s)
        self.exchanges.append(exchange)
        if exchange.asks.startswith("make"):
            self.shelf.asked(exchange.payload, exchange.began)
        return exchange

    def leave(self, exchange: Exchange) -> None:
        """The client went away before it was answered."""
        exchange.ended, exchange.left = self.tick(), True

    def switch_store(self, *, down: bool) -> None:
        """The store goes away, or comes back."""
        self.outages.append((self.tick(), down))

    def end(self, exchange: Exchange, answer: Answer, now_s: float) -> None:
        """The answer comes. Raises Illegal where no correct service gives it."""
        ended = exchange.ended = self.tick()
        judged = exchange.judged
        if isinstance(judged, Refused):
            _refusal(judged, exchange.sent, answer)
        elif isinstance(judged, Moved):
            require(answer.status == 307 and answer.header("location"), f"{answer.status} for a path without its slash")
        elif judged.unsure is not None and answer.status == 422:
            _refusal(judged.unsure, exchange.sent, answer)
        elif judged.what.startswith("make"):
            self._made(exchange, answer, now_s)
        elif judged.what == "status":
            self._status(exchange, answer, now_s)
        else:
            self.reads[judged.what](self, exchange, answer, ended)

    # -- what is known -----------------------------------------------------------------------------------------------------------

    def store_was(self, exchange: Exchange) -> tuple[bool, bool]:
        """Whether the store may have been down, and whether it may have been up, at some moment of an exchange."""
        down, states = False, set[bool]()
        for moment, now_down in self.outages:
            if moment > exchange.began:
                states.add(down)
            down = now_down
        states.add(down)
        return True in states, False in states

    @property
    def ever_down(self) -> bool:
        """Whether the store has been away."""
        return bool(self.outages)

    def makers(self) -> list[Exchange]:
        """Those who wait for a meme of theirs."""
        return [each for each in self.exchanges if each.asks == "make" and each.ended is None]

    def of(self, identity: Identity) -> list[Exchange]:
        """All who asked under this identity."""
        return [each for each in self.exchanges if each.asks.startswith("make") and each.identity == identity]

    def legal(self, identity: Identity, payload: Payload, now_s: float) -> frozenset[Told]:
        """The outcomes that a request may have had by now."""
        asked = [each for each in self.of(identity) if each.payload == payload]
        topic, style = payload.topic, payload.style
        ways = {told(outcome, topic, style) for outcome in self.outcomes(payload)}
        if any(now_s >= each.deadline_s() - 1e-6 for each in asked):
            ways.add(("timed_out", ""))
        if self.slowed_s >= self.limits.text_s - 0.5:  # retries have pauses of their own
            ways.add(told(Failed("StageTimeout", "text"), topic, style))
        if self.stopping is not None:
            ways |= {told(Failed("ServiceStopped", stage), topic, style) for stage in STAGES}
        if identity[0] == "" and any(each.left for each in asked):
            ways.add(told(Cancelled(), topic, style))
        known = self.endings.get(identity)
        return frozenset(ways if known is None else {known})

    # -- makers --------------------------------------------------------------------------------------------------------------------

    def _made(self, exchange: Exchange, answer: Answer, now_s: float) -> None:
        if answer.status in {409, 429, 503} and self._turned_away(exchange, answer):
            exchange.refused = True
            return
        require(not (self.stopped is not None and self.stopped < exchange.began), f"{answer.status} from a service that has stopped")
        identity, payload = exchange.identity, exchange.payload
        owner = self.owners.setdefault(identity, payload)
        require(owner == payload, f"{answer.status} for {payload}, and the key {identity} is {owner}'s: expected a conflict")
        if exchange.asks == "make later":
            require(answer.status == 202, f"{answer.status} for a request that is made later: {answer.body[:300]!r}")
            document = answer.document()
            url = f"/api/v1/memes/status/{document.get('request_id')}"
            require(document.get("status_url") == url, f"its status is at {document.get('status_url')!r}, expected {url!r}")
            require(answer.header("location") == url, f"Location is {answer.header('location')!r}, expected {url!r}")
            self.statuses.accepted(str(document["request_id"]), identity)
            return
        self._ended(identity, payload, told_by(answer), now_s)

    def _ended(self, identity: Identity, payload: Payload, ending: Told, now_s: float) -> None:
        legal = self.legal(identity, payload, now_s)
        if ending == ("failed", ANY):
            require(any(each[0] == "failed" for each in legal), f"{identity} has failed; legal: {sorted(legal)}")
            return
        require(ending in legal, f"{identity} has the outcome {ending}; legal: {sorted(legal)}")
        self.endings[identity] = ending
        if ending[0] == "completed":
            deferred = '"store_deferred"' in ending[1].rpartition('"degraded"')[2]
            self.shelf.made(payload.meme_id, self.moment, stored=not deferred and not self.ever_down)

    def _turned_away(self, exchange: Exchange, answer: Answer) -> bool:
        name, document = problem_of(answer)
        match name:
            case "conflict":
                rivals = [each for each in self.of(exchange.identity) if each.payload != exchange.payload and not each.refused]
                require(rivals, f"a conflict, and nobody else used {exchange.identity} for something else")
                owner = self.owners.get(exchange.identity)
                require(owner != exchange.payload, f"a conflict, and {exchange.identity} is this request's own key")
            case "overloaded":
                others = sum(1 for each in self.exchanges if each.asks == "make" and _overlap(each, exchange)) - 1
                room = self.limits.at_once + self.limits.in_line
                require(exchange.asks == "make", "somebody who does not wait for his meme was told that the line is full")
                require(others >= room, f"overloaded, with {others} others under way and room for {room}")
            case "rate-limited":
                others = sum(1 for each in self.exchanges if each.asks.startswith("make") and each.user == exchange.user) - 1
                require(others >= self.limits.burst, f"rate limited after {others} requests: {self.limits.burst} are granted")
                require(int(answer.header("retry-after") or "0") <= 1, "a token is there within a second")
            case "unavailable":
                require(self.stopping is not None, f"unavailable, and nobody stops the service: {document}")
            case _:
                return False
        return True

    # -- statuses ------------------------------------------------------------------------------------------------------------------

    def _status(self, exchange: Exchange, answer: Answer, now_s: float) -> None:
        request_id = exchange.wish.of
        identity = self.statuses.identities.get(request_id)
        if identity is None:
            if answer.status == 404:
                require(problem_of(answer)[0] == "not-found", "no such request")
                return
            # A keyed request that its client waited for has an id that nobody was told.
            raise Illegal(f"{answer.status} for a request that nobody was told of: {request_id!r}")
        require(answer.status == 200, f"{answer.status} for a request that was accepted: {answer.body[:300]!r}")
        ending = self.statuses.seen(request_id, answer.document(), exchange.began, self.moment, crashed=self.crashed)
        known = self.endings.get(identity)
        if ending is not None:
            self._ended(identity, self.owners[identity], ending, now_s)
        elif known is not None:
            earlier = [each for each in self.of(identity) if each.ended is not None and each.ended < exchange.began]
            require(not any(each.asks == "make" and not each.refused and not each.left for each in earlier), f"{known}, and is under way")


def _overlap(one: Exchange, other: Exchange) -> bool:
    return one.ended is None or one.ended > other.began


def _refusal(refused: Refused, sent: Sent, answer: Answer) -> None:
    """The answer to what nobody would take."""
    if sent.method == "HEAD":
        require(answer.status in {405, 404, 413}, f"{answer.status} for {sent.method} {sent.target}")
        return
    name, document = problem_of(answer)
    require(name in refused.problems, f"{name}, expected {' or '.join(refused.problems)}: {document}")
    if name == "method-not-allowed":
        require(answer.header("allow") == ", ".join(refused.allow), f"Allow is {answer.header('allow')!r}, expected {refused.allow}")
    if name == "invalid":
        named = {str(each.get("field")) for each in document.get("errors", ())}
        most = named if refused.most is None else refused.most
        require(refused.least <= named <= most, f"unfit are said to be {sorted(named)}; at least {sorted(refused.least)} are: {document}")
    else:
        require("errors" not in document, f"{name} names fields: {document}")
