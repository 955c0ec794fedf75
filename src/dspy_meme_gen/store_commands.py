"""What the command line does with stored memes: list, show, backup, restore."""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dspy_meme_gen.adapters.archive import ArchiveBroken, read_archive, restore, write_archive
from dspy_meme_gen.adapters.records import meme_to_json
from dspy_meme_gen.adapters.sqlalchemy_store import SqlAlchemyStore
from dspy_meme_gen.configuration import first_line
from dspy_meme_gen.domain import MemeRecord, StoredMeme
from dspy_meme_gen.settings import Settings

__all__ = ["CommandFailed", "add_store_commands"]

_DATABASE = "where memes are kept (default: $DATABASE_URL, or SQLite in your data directory)"


class CommandFailed(Exception):
    """A command could not be carried out; the message is the line to print, `status` the exit status."""

    def __init__(self, message: str, *, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


class _TimeOf:
    """A clock that shows the time of the meme that is being restored."""

    def __init__(self) -> None:
        self.stored_at_s = 0.0

    def wall_s(self) -> float:
        """When the meme was first stored."""
        return self.stored_at_s

    def monotonic_s(self) -> float:
        """Durations are real."""
        return time.monotonic()


def add_store_commands(commands: Any) -> None:  # noqa: ANN401 - argparse does not name the type of its subparsers
    """The commands and their options."""

    def command(name: str, what: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.")
        parser.add_argument("--database", metavar="URL", help=_DATABASE)
        parser.set_defaults(command=run)
        return parser

    listing = command("list", "list the stored memes, newest first", _list)
    listing.add_argument("--limit", type=_count, default=20, help="how many at most (default: %(default)s)")
    listing.add_argument("--json", action="store_true", help="print them as JSON, one a line")
    showing = command("show", "show one stored meme", _show)
    showing.add_argument("id", metavar="MEME_ID", help="as list and make print it")
    showing.add_argument("--output", metavar="FILE.png", help="also save its picture")
    showing.add_argument("--json", action="store_true", help="print it as JSON")
    saving = command("backup", "write every stored meme into one file", _backup)
    saving.add_argument("file", metavar="FILE.zip", help="it is written whole or not at all")
    restoring = command("restore", "store every meme of a backup; what is there already stays as it is", _restore)
    restoring.add_argument("file", metavar="FILE.zip", help="as backup wrote it")


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of memes; expected a whole number, at least 1")
    return number


@contextmanager
def _store(options: argparse.Namespace, clock: _TimeOf | None = None) -> Iterator[SqlAlchemyStore]:
    """The store; whatever the database raises becomes a line."""
    settings = Settings.from_environment()
    url = options.database or settings.database()
    store = SqlAlchemyStore(url, limit_s=settings.database_limit_s, clock=clock)
    try:
        yield store
    except (CommandFailed, ArchiveBroken):
        raise
    except OSError as error:
        raise CommandFailed(f"{options.file}: {error.strerror or error}", status=2) from error
    except Exception as error:
        raise CommandFailed(f"the database does not answer: {first_line(error)}") from error
    finally:
        store.close()


def _list(options: argparse.Namespace) -> int:
    with _store(options) as store:
        memes: list[StoredMeme] = []
        start: int | None = None
        while len(memes) < options.limit:
            page = store.page(limit=min(100, options.limit - len(memes)), start=start)
            memes += page.memes
            if page.next is None:
                break
            start = page.next
    for stored in memes:
        print(json.dumps(_document(stored)) if options.json else _line(stored))
    if not memes and not options.json:
        print("no meme is stored yet: memespy make TOPIC")
    return 0


def _line(stored: StoredMeme) -> str:
    moment = time.strftime("%Y-%m-%d %H:%M", time.localtime(stored.stored_at_s))
    flags = f"  (without {', '.join(stored.meme.degraded)})" if stored.meme.degraded else ""
    return f"{stored.meme.id}  {moment}  {stored.meme.score.total:.2f}  {stored.meme.format:<15}  {stored.topic}{flags}"


def _document(stored: StoredMeme | MemeRecord) -> dict[str, Any]:
    document = {"topic": stored.topic, "style": stored.style, "context": stored.context, **json.loads(meme_to_json(stored.meme))}
    return document | ({"stored_at_s": stored.stored_at_s} if isinstance(stored, StoredMeme) else {})


def _show(options: argparse.Namespace) -> int:
    with _store(options) as store:
        record = store.get(options.id)
    if record is None:
        raise CommandFailed(f"there is no meme {options.id!r}; memespy list shows those that there are")
    if options.output is not None:
        try:
            Path(options.output).write_bytes(record.png)
        except OSError as error:
            raise CommandFailed(f"cannot write {options.output}: {error.strerror or error}", status=2) from error
    meme = record.meme
    if options.json:
        print(json.dumps(_document(record), indent=2, sort_keys=True))
        return 0
    style = f" ({record.style})" if record.style else ""
    print(f"{meme.id}  {record.topic}{style}, {meme.format}", "", f"  {meme.text.top}", f"  {meme.text.bottom}", "", sep="\n")
    print(f"score {meme.score.total:.2f}, {meme.image.width} x {meme.image.height}, {meme.image.size_bytes:,} bytes")
    for verdict in meme.verification:
        print(f"{'✓' if verdict.passed else '✗'} {verdict.kind} {verdict.score:.2f} {verdict.reason}")
    if meme.degraded:
        print(f"went without: {', '.join(meme.degraded)}")
    return 0


def _backup(options: argparse.Namespace) -> int:
    with _store(options) as store:
        count = write_archive(store, Path(options.file))
    print(f"{options.file}: {count} meme{'' if count == 1 else 's'}")
    return 0


def _restore(options: argparse.Namespace) -> int:
    clock = _TimeOf()
    with _store(options, clock) as store:
        saved = read_archive(Path(options.file))

        def put(record: MemeRecord, stored_at_s: float) -> None:
            clock.stored_at_s = stored_at_s
            store.put(record)

        count = restore(saved, store.get, put)
    there = f", {len(saved) - count} were there already" if count < len(saved) else ""
    print(f"{options.file}: {count} meme{'' if count == 1 else 's'} restored{there}")
    return 0
