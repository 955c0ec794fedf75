"""list, show, backup, restore and completion on the command line."""

from __future__ import annotations

import hashlib
import json
import zipfile

import pytest

from dspy_meme_gen.adapters.archive import ArchiveBroken, read_archive
from dspy_meme_gen.adapters.sqlalchemy_store import SqlAlchemyStore
from dspy_meme_gen.cli import main
from dspy_meme_gen.domain import ImageRef, Meme, MemeRecord, MemeText, Score, Verification


def record(number):
    """A record whose meme names its own picture."""
    png = f"picture {number}".encode()
    meme = Meme(
        id=f"m-{number:016x}",
        text=MemeText(f"top {number}", "bottom"),
        format="classic",
        image=ImageRef(f"m-{number:016x}.png", hashlib.sha256(png).hexdigest(), len(png), 8, 6),
        score=Score(0.5, 0.5, 0.5, 0.5, 0.5),
        verification=(Verification("factuality", passed=True, score=1.0, reason=""),),
        refinement_count=0,
        degraded=(),
    )
    return MemeRecord(meme, f"cats {number}", None, None, png)


@pytest.fixture
def database(tmp_path, monkeypatch):
    """The URL of a store with three memes, stored at 100, 200 and 300 seconds."""
    url = f"sqlite:///{tmp_path / 'memes.db'}"
    monkeypatch.setenv("DATABASE_URL", url)
    store = SqlAlchemyStore(url, clock=Clock())
    for number in (1, 2, 3):
        store.put(record(number))
    store.close()
    return url


class Clock:
    def __init__(self):
        self.now_s = 0.0

    def wall_s(self):
        self.now_s += 100.0
        return self.now_s

    def monotonic_s(self):
        return 0.0


def stored(url):
    store = SqlAlchemyStore(url)
    page = store.page(limit=100)
    records = [store.get(each.meme.id) for each in page.memes]
    store.close()
    return [(found, each.stored_at_s) for found, each in zip(records, page.memes, strict=True)]


def test_list_shows_the_newest_first_and_as_many_as_wanted(database, capsys):
    assert main(["list", "--limit", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [record(3).id, record(2).id]
    assert main(["list", "--json"]) == 0
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["id"], each["stored_at_s"]) for each in documents] == [(record(n).id, n * 100.0) for n in (3, 2, 1)]


def test_an_empty_store_says_what_to_do(tmp_path, capsys):
    assert main(["list", "--database", f"sqlite:///{tmp_path / 'empty.db'}"]) == 0
    assert "memespy make TOPIC" in capsys.readouterr().out


def test_show_tells_of_one_meme_and_saves_its_picture(database, tmp_path, capsys):
    picture = tmp_path / "one.png"
    assert main(["show", record(1).id, "--output", str(picture)]) == 0
    assert record(1).topic in capsys.readouterr().out
    assert picture.read_bytes() == record(1).png
    assert main(["show", record(1).id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == record(1).id
    assert main(["show", "m-none"]) == 1
    assert "memespy list" in capsys.readouterr().err


def test_a_backup_restores_every_meme_with_its_time_and_order_and_only_once(database, tmp_path, capsys):
    backup, other = tmp_path / "all.zip", f"sqlite:///{tmp_path / 'other.db'}"
    assert main(["backup", str(backup)]) == 0
    assert main(["restore", str(backup), "--database", other]) == 0
    assert stored(other) == stored(database)
    assert "3 memes restored" in capsys.readouterr().out
    assert main(["restore", str(backup), "--database", other]) == 0
    assert "0 memes restored, 3 were there already" in capsys.readouterr().out
    assert stored(other) == stored(database)


def test_a_backup_that_fails_leaves_the_one_of_before(database, tmp_path, monkeypatch, capsys):
    backup = tmp_path / "all.zip"
    assert main(["backup", str(backup)]) == 0
    before = backup.read_bytes()
    monkeypatch.setattr(SqlAlchemyStore, "get", lambda *_: (_ for _ in ()).throw(RuntimeError("gone")))
    assert main(["backup", str(backup)]) == 1
    assert "the database does not answer" in capsys.readouterr().err
    assert backup.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"all.zip", "memes.db"}


def damaged(backup, change):
    with zipfile.ZipFile(backup) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    with zipfile.ZipFile(backup, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def other_picture(parts):
    parts[f"images/{record(2).id}.png"] = b"another"


def newer(parts):
    parts["manifest.json"] = parts["manifest.json"].replace(b'"version": 1', b'"version": 9')


def line_missing(parts):
    parts["memes.jsonl"] = b"".join(parts["memes.jsonl"].splitlines(keepends=True)[1:])


def no_manifest(parts):
    del parts["manifest.json"]


def not_json(parts):
    parts["memes.jsonl"] = b"{"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (other_picture, "not the one that its meme names"),
        (newer, "version 9"),
        (line_missing, "has 2 memes, and should have 3"),
        (no_manifest, "is damaged"),
        (not_json, "is damaged"),
    ],
)
def test_a_damaged_backup_restores_nothing(database, tmp_path, change, why, capsys):
    backup, other = tmp_path / "all.zip", f"sqlite:///{tmp_path / 'other.db'}"
    main(["backup", str(backup)])
    damaged(backup, change)
    with pytest.raises(ArchiveBroken, match=why):
        read_archive(backup)
    assert main(["restore", str(backup), "--database", other]) == 2
    assert stored(other) == []


def test_files_that_are_not_there_are_named(database, capsys):
    assert main(["restore", "/no/such/file.zip"]) == 2
    assert "/no/such/file.zip: No such file or directory" in capsys.readouterr().err
    assert main(["backup", "/no/such/file.zip"]) == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_shells_are_given_every_command(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(command in script for command in ("make", "serve", "list", "show", "backup", "restore", "check-config"))
