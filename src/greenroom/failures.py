"""The failure database: views of Hypothesis's example databases, what is in them, and what greenroom keeps about each failure.

Hypothesis keeps the choices of an example under a key that is made of the test's source: edit the test, and the entry is found no more.
What greenroom knows of a failure when it sees it (which test, what broke, the program as code) is therefore kept in the same database
under a key of its own, and outlives the edit.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from hypothesis import Phase, settings
from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase, InMemoryExampleDatabase

from greenroom.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

INDEX: Final = b"greenroom.failures.1"
_NAMES_OF_KEYS: Final = b".hypothesis-keys"  # where a directory keeps the keys whose hashes name its folders
_KINDS: Final = {b".secondary": "secondary", b".pareto": "pareto"}
_LONGEST_PICTURE: Final = 60_000


@dataclass(slots=True)
class Replayed:
    """What became of replayed entries."""

    fails: int = 0
    passes: int = 0
    invalid: int = 0

    @property
    def entries(self) -> int:
        return self.fails + self.passes + self.invalid

    @classmethod
    def of(cls, results: Iterable[str]) -> Self:
        """Counted."""
        counts = Counter(results)
        return cls(counts["fails"], counts["passes"], counts["invalid"])

    def __str__(self) -> str:
        parts = [
            (self.fails, "still fails" if self.fails == 1 else "still fail"),
            (self.passes, "passes now" if self.passes == 1 else "pass now"),
            (self.invalid, "is no valid example any more" if self.invalid == 1 else "are no valid examples any more"),
        ]
        return ", ".join(f"{count} {what}" for count, what in parts if count)


class ReplayView(ExampleDatabase):
    """A read-only view that counts what it hands out, and knows what became of it.

    Replaying over the database itself would delete every entry that no longer fails; and a replay that found nothing to replay must
    not look like a success. Hypothesis tries the larger examples of a failure (the secondary entries) only where no shrunk one fails:
    here they are handed out together, so that each is run.

    Args:
        database: what is looked at.
        only: hand out these entries and no others.
    """

    def __init__(self, database: ExampleDatabase, *, only: Iterable[bytes] | None = None) -> None:
        super().__init__()
        self.database = database
        self.replayed = 0
        self.ending: str | None = None
        """How the last example ended, where somebody watches: "passes", or anything else."""
        self._only = None if only is None else frozenset(only)
        self._results: dict[tuple[bytes, bytes], str] = {}

    def __repr__(self) -> str:
        return f"ReplayView({self.database!r})"

    def fetch(self, key: bytes) -> Iterable[bytes]:
        """The stored examples of ``key``, with the larger ones."""
        if kind_of(key)[1] != "primary":
            return
        for value in dict.fromkeys((*self.database.fetch(key), *self.database.fetch(key + b".secondary"))):
            if value and (self._only is None or value in self._only):
                self.replayed += 1
                self._results[key, value] = "fails"
            if not value or self._only is None or value in self._only:
                yield value

    def save(self, key: bytes, value: bytes) -> None:
        """Nothing is written."""

    def delete(self, key: bytes, value: bytes) -> None:
        """Nothing is deleted; Hypothesis wants it to be where an entry has not failed."""
        if self._results.get((key, value)) == "fails":
            self._results[key, value] = "passes" if self.ending == "passes" else "invalid"
        self.ending = None

    def move(self, source: bytes, target: bytes, value: bytes) -> None:
        """Nothing is moved."""

    def take(self) -> dict[tuple[bytes, bytes], str]:
        """What became of the entries handed out since the last time, by key and value: "fails", "passes" or "invalid"."""
        results, self._results = self._results, {}
        return results


def replay_settings(base: settings | None = None, *, database: ExampleDatabase | None = None) -> settings:
    """Settings under which a test runs its saved failures and nothing else, and changes nothing in the database.

    Args:
        base: whose other settings are kept; the current profile otherwise.
        database: looked at in place of the one that ``base`` names.

    Raises:
        UsageError: there is no database.
    """
    base = settings() if base is None else base
    looked_at = base.database if database is None else database
    if looked_at is None:
        raise UsageError("there is no database to replay from: the settings in force say database=None")
    view = looked_at if isinstance(looked_at, ReplayView) else ReplayView(looked_at)
    return settings(
        base,
        phases=(Phase.reuse,),
        database=view,
        derandomize=False,
        report_multiple_bugs=True,
        max_examples=max(base.max_examples, 10_000),
    )


# -- what is in a database -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored example: the key without its kind, the kind (primary, secondary or pareto), the choices, seconds since 1970."""

    key: bytes
    kind: str
    value: bytes
    saved_s: float | None = None

    @property
    def name(self) -> str:
        """Eight letters by which it is called."""
        return hashlib.sha256(self.key + b"/" + self.value).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Kept:
    """What was known of a failure when it was seen: the test's id, when (ISO 8601, UTC), what broke, the picture, the program as code.

    ``code`` is empty where the program could not be written; ``why_not`` then says why.
    """

    key: str
    test: str
    seen: str
    headline: str
    picture: str = ""
    code: str = ""
    why_not: str = field(default="", compare=False)


def kind_of(key: bytes) -> tuple[bytes, str]:
    """A database's key as the test's key and the kind of its entries."""
    for suffix, kind in _KINDS.items():
        if key.endswith(suffix):
            return key.removesuffix(suffix), kind
    return key, "primary"


def entries(database: ExampleDatabase, known: Iterable[bytes] = ()) -> list[Entry]:
    """Every entry that can be found: of the known keys, and of all others where the database can name its keys.

    Args:
        database: a directory, Redis, in memory, or a read-only, multiplexed, background or replay view of such.
        known: keys of tests; all that can be asked of a database that cannot name its own.
    """
    bases = {kind_of(key)[0] for key in (*keys(database), *known, *(bytes.fromhex(each.key) for each in read_index(database)))}
    found = [
        Entry(base, kind, value, _saved_s(database, base + suffix, value))
        for base in sorted(bases - {INDEX, _NAMES_OF_KEYS})
        for suffix, kind in ((b"", "primary"), *_KINDS.items())
        for value in sorted(dict.fromkeys(database.fetch(base + suffix)), key=lambda value: (len(value), value))
        if value
    ]
    return list({(entry.key, entry.kind, entry.value): entry for entry in found}.values())


def keys(database: ExampleDatabase) -> set[bytes]:
    """The keys that a database can name by itself."""
    found: set[bytes] = set()
    for part in parts(database):
        if isinstance(part, DirectoryBasedExampleDatabase):
            found.update(part.fetch(_NAMES_OF_KEYS))
        elif isinstance(part, InMemoryExampleDatabase):
            found.update(key for key, values in part.data.items() if values)
        elif hasattr(part, "redis"):
            prefix: bytes = getattr(part, "_prefix", b"hypothesis-example:")
            found.update(key.removeprefix(prefix) for key in part.redis.scan_iter(match=prefix + b"*"))
    return found


def remove(database: ExampleDatabase, entry: Entry) -> bool:
    """Delete the entry; False where it is still there, for (a part of) the database is read-only."""
    key = entry.key + ("" if entry.kind == "primary" else f".{entry.kind}").encode()
    database.delete(key, entry.value)
    return entry.value not in set(database.fetch(key))


def parts(database: ExampleDatabase) -> list[ExampleDatabase]:
    """The databases that hold entries themselves, behind all views."""
    inside = [part for each in _inside(database) for part in parts(each)]
    return inside or [database]


def _inside(database: ExampleDatabase) -> Iterator[ExampleDatabase]:
    """The databases behind a view, whatever the view calls them."""
    for held in vars(database).values():
        for each in held if isinstance(held, list | tuple) else (held,):
            if isinstance(each, ExampleDatabase):
                yield each


def _saved_s(database: ExampleDatabase, key: bytes, value: bytes) -> float | None:
    """When a directory has written it: its files are called after the hashes of key and value."""
    names = [hashlib.sha384(part).hexdigest()[:16] for part in (key, value)]
    times = []
    for part in parts(database):
        if isinstance(part, DirectoryBasedExampleDatabase):
            with suppress(OSError):
                times.append(Path(part.path, *names).stat().st_mtime)
    return min(times, default=None)


# -- what is kept about failures ---------------------------------------------------------------------------------------------


def read_index(database: ExampleDatabase) -> list[Kept]:
    """What is kept about the failures of this database, one for each key; what cannot be read is left out."""
    found: dict[str, Kept] = {}
    for text in database.fetch(INDEX):
        try:
            each = Kept(**json.loads(text))
            bytes.fromhex(each.key)
        except (ValueError, TypeError):
            continue
        if each.key not in found or found[each.key].seen <= each.seen:
            found[each.key] = each
    return sorted(found.values(), key=lambda each: (each.test, each.seen))


def write_index(database: ExampleDatabase, kept: Kept) -> None:
    """Keep this about a failure, in place of what was kept under its key before."""
    text = _text({**asdict(kept), "picture": kept.picture[:_LONGEST_PICTURE]})
    for old in list(database.fetch(INDEX)):
        if old != text and _key_in(old) == kept.key:
            database.delete(INDEX, old)
    database.save(INDEX, text)


def forget(database: ExampleDatabase, key: bytes) -> None:
    """Drop what is kept under that key."""
    for old in list(database.fetch(INDEX)):
        if _key_in(old) == key.hex():
            database.delete(INDEX, old)


def _key_in(text: bytes) -> Any:
    try:
        return json.loads(text)["key"]
    except (ValueError, TypeError, KeyError):
        return None


def _text(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=True, sort_keys=True).encode()
