"""What clients of the store machine do: hand requests in, once more perhaps, and read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from machines.conformance import adopted
from machines.part import PartMachine
from machines.store_watch import expected, record_of
from machines.world import PortDown
from model import reading
from model.values import Record

if TYPE_CHECKING:
    from dspy_meme_gen.domain import GenerateMeme
    from dspy_meme_gen.pipeline import Pipeline
    from machines.database import Life


class StoreClients(PartMachine):
    """`life` is the process that serves; `handed` has the one that each request was handed in to, `strangers` whom it took for another."""

    life: Life
    handed: dict[str, Life]
    strangers: list[str]
    reads: int

    def _hand_in(self, request: GenerateMeme) -> object:
        self.handed[request.request_id] = self.life
        return super()._hand_in(request)

    def _hand_in_again(self, request: GenerateMeme) -> object:
        request_id = request.request_id
        if self.handed.get(request_id) is self.life and request_id in self.futures:
            if self.service.submit(request) is not self.futures[request_id]:
                self.strangers.append(request_id)
            return "accepted"
        for known in (self.futures, self.ended, self.progress):
            known.pop(request_id, None)
        return self._hand_in(request)

    def _read(self, how: str, meme_id: str) -> str:
        service = self.service
        self.reads += 1
        number = self.reads
        self.note("looks", number)
        try:
            seen = self._seen(service, how, meme_id)
        except PortDown:
            seen = reading.RAISES
        self.note("sees", number, how, meme_id, seen)
        return "nothing" if seen is None else reading.RAISES if seen == reading.RAISES else "something"

    def _seen(self, service: Pipeline, how: str, meme_id: str) -> Any:
        match how:
            case "find":
                found = service.find(meme_id)
                return None if found is None else reading.Found(record_of(found.record), found.degraded)
            case "record":
                record = service.record(meme_id)
                return None if record is None else record_of(record)
            case "deferred":
                return tuple(map(record_of, service.deferred()))
            case "count":
                return service.deferred_count()
            case "stored":
                return tuple(map(record_of, service.stored()))
        memes: list[Record] = []
        page = service.page(limit=2)
        while True:
            memes += [Record(adopted(each.meme), each.topic, each.style, each.context, expected(each.meme).png) for each in page.memes]
            if page.next is None:
                return tuple(memes)
            page = service.page(limit=2, start=page.next)
