"""A backup: every stored meme in one ZIP file, which another store, of whichever kind, can be given.

`memes.jsonl` has a line for each meme, oldest first; `images/<meme id>.png` its picture; `manifest.json` says how many there are, and in
which version of this format.
"""

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dspy_meme_gen.adapters.records import meme_from_json, meme_to_json
from dspy_meme_gen.domain import MemePage, MemeRecord, StoredMeme
from dspy_meme_gen.errors import MemesPyError

__all__ = ["ArchiveBroken", "Restorable", "Saved", "read_archive", "restore", "write_archive"]

VERSION = 1
_PAGE = 100


class ArchiveBroken(MemesPyError):
    """A file is no backup, is damaged, or was written by a newer version; the message says which, and nothing was restored."""


class Restorable(Protocol):
    """A store that can be read page by page and written with the time of old."""

    def page(self, *, limit: int, start: int | None = None) -> MemePage:
        """As ports.MemeCatalogue has it."""
        ...

    def get(self, meme_id: str) -> MemeRecord | None:
        """As ports.MemeStore has it."""
        ...


@dataclass(frozen=True, slots=True)
class Saved:
    """A meme as a backup has it. `stored_at_s` is in seconds since 1970 (UTC)."""

    record: MemeRecord
    stored_at_s: float


def write_archive(store: Restorable, path: Path) -> int:
    """Write all that the store holds now to `path`, whole or not at all; how many memes that were.

    A meme that is stored meanwhile may be left out. Raises what the store raises, and OSError.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            lines = []
            for stored in reversed(list(_all(store))):
                record = store.get(stored.meme.id)
                if record is None:
                    continue
                archive.writestr(zipfile.ZipInfo(f"images/{stored.meme.id}.png"), record.png)  # a PNG is compressed already
                lines.append(json.dumps(_document(stored), ensure_ascii=True))
            archive.writestr("memes.jsonl", "".join(f"{line}\n" for line in lines))
            archive.writestr("manifest.json", json.dumps({"format": "memespy backup", "version": VERSION, "memes": len(lines)}))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return len(lines)


def read_archive(path: Path) -> list[Saved]:
    """Everything in a backup, checked: each picture is the one that its meme names. Raises ArchiveBroken, or OSError."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_manifest(json.loads(archive.read("manifest.json")), path)
            lines = archive.read("memes.jsonl").decode().splitlines()
            saved = [_saved(archive, json.loads(line)) for line in lines]
            expected = json.loads(archive.read("manifest.json"))["memes"]
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        raise ArchiveBroken(f"{path} is no backup of MemesPy, or is damaged ({type(error).__name__})") from error
    if len(saved) != expected:
        raise ArchiveBroken(f"{path} is damaged: it has {len(saved)} memes, and should have {expected}")
    return saved


def restore(saved: list[Saved], get: Callable[[str], MemeRecord | None], put: Callable[[MemeRecord, float], None]) -> int:
    """Store every meme of a backup that is not there, in its order and with its time; how many these were."""
    missing = [each for each in saved if get(each.record.id) is None]
    for each in missing:
        put(each.record, each.stored_at_s)
    return len(missing)


def _all(store: Restorable) -> Iterator[StoredMeme]:
    start: int | None = None
    while True:
        page = store.page(limit=_PAGE, start=start)
        yield from page.memes
        if page.next is None:
            return
        start = page.next


def _document(stored: StoredMeme) -> dict[str, Any]:
    return {
        "meme": json.loads(meme_to_json(stored.meme)),
        "topic": stored.topic,
        "style": stored.style,
        "context": stored.context,
        "stored_at_s": stored.stored_at_s,
    }


def _check_manifest(manifest: dict[str, Any], path: Path) -> None:
    if manifest.get("format") != "memespy backup":
        raise ArchiveBroken(f"{path} is no backup of MemesPy")
    if manifest["version"] > VERSION:
        raise ArchiveBroken(f"{path} is a backup of version {manifest['version']}, and this program knows {VERSION}: use a newer one")


def _saved(archive: zipfile.ZipFile, document: dict[str, Any]) -> Saved:
    meme = meme_from_json(json.dumps(document["meme"]))
    png = archive.read(f"images/{meme.id}.png")
    if hashlib.sha256(png).hexdigest() != meme.image.sha256:
        raise ArchiveBroken(f"the picture of {meme.id} is not the one that its meme names: the backup is damaged")
    return Saved(MemeRecord(meme, document["topic"], document["style"], document["context"], png), document["stored_at_s"])
