"""What waits on disk outlives the process, however it ends."""

import logging
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from dspy_meme_gen.adapters.sqlalchemy_store import SqlAlchemyStore
from dspy_meme_gen.adapters.sqlite_outbox import SqliteOutbox
from dspy_meme_gen.domain import MemeRecord
from tests.memespy.contracts.memes import record

DIES = """
import os, signal, sys
from pathlib import Path
from dspy_meme_gen.adapters.sqlalchemy_store import SqlAlchemyStore
from dspy_meme_gen.adapters.sqlite_outbox import SqliteOutbox
from tests.memespy.contracts.memes import record

folder, moment = Path(sys.argv[1]), sys.argv[2]
outbox, store = SqliteOutbox(folder / "outbox.db"), SqlAlchemyStore(f"sqlite:///{folder}/memes.db")
for number in range(5):
    outbox.add(record(f"m-{number}"))

def put(each):
    if each.id == "m-2" and moment == "before the write":
        os.kill(os.getpid(), signal.SIGKILL)
    store.put(each)
    if each.id == "m-2" and moment == "between write and reply":
        os.kill(os.getpid(), signal.SIGKILL)

if moment != "before the drain":
    outbox.drain(put)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("moment", ["before the drain", "before the write", "between write and reply", "after the drain"])
def test_a_process_that_is_killed_loses_nothing_and_stores_nothing_twice(tmp_path: Path, moment: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, "."])}
    done = subprocess.run([sys.executable, "-c", DIES, str(tmp_path), moment], check=False, env=environment, timeout=60)
    assert done.returncode == -signal.SIGKILL
    outbox, store = SqliteOutbox(tmp_path / "outbox.db"), SqlAlchemyStore(f"sqlite:///{tmp_path}/memes.db")
    outbox.drain(store.put)
    assert store.all() == tuple(record(f"m-{number}") for number in range(5))
    assert outbox.waiting() == ()
    outbox.close()
    store.close()


def test_another_life_finds_what_waits(tmp_path: Path) -> None:
    first = SqliteOutbox(tmp_path / "outbox.db")
    first.add(record("a"))
    first.add(record("b"))
    first.close()
    first.close()
    second = SqliteOutbox(tmp_path / "outbox.db")
    assert second.waiting() == (record("a"), record("b"))
    second.close()


def test_a_disk_that_refuses_keeps_the_record_in_memory_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    outbox, written = SqliteOutbox(tmp_path / "file" / "outbox.db"), list[MemeRecord]()
    outbox.add(record("a"))
    assert "kept in memory only" in caplog.text
    assert len(outbox) == 1
    outbox.drain(written.append)
    assert written == [record("a")]


def test_a_record_that_is_saved_at_last_is_not_undone_by_one_that_was_not(tmp_path: Path) -> None:
    outbox, written = SqliteOutbox(tmp_path / "folder" / "outbox.db"), list[str]()
    (tmp_path / "folder").write_text("in the way")
    outbox.add(record("a", "cats"))
    (tmp_path / "folder").unlink()
    outbox.add(record("a", "dogs"))
    outbox.drain(lambda each: written.append(each.topic))
    assert written[-1] == "dogs"
    outbox.close()


def test_a_damaged_file_does_not_keep_new_memes_from_the_store(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    (tmp_path / "outbox.db").write_bytes(b"no database at all" * 1000)
    outbox, written = SqliteOutbox(tmp_path / "outbox.db"), list[MemeRecord]()
    outbox.drain(written.append)
    assert "cannot be read" in caplog.text
    with pytest.raises(sqlite3.DatabaseError):
        outbox.waiting()
    assert (tmp_path / "outbox.db").read_bytes().startswith(b"no database at all")


def test_each_commit_is_on_the_disk_before_it_returns(tmp_path: Path) -> None:
    outbox = SqliteOutbox(tmp_path / "outbox.db")
    outbox.add(record("a"))
    assert outbox._connection is not None
    assert outbox._connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    outbox.close()
