"""The tables, and how a database comes to have them: made at once where there is nothing, by migrations where there is an older schema."""

import threading
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    insert,
    inspect,
    select,
)

from dspy_meme_gen.errors import SchemaUnknown

__all__ = ["HEAD", "MEMES", "METADATA", "prepare", "revision"]

HEAD = "0002"
"""The revision that this release works with: the last in migrations/versions."""

METADATA = MetaData()
MEMES = Table(
    "memes",
    METADATA,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("topic", Text, nullable=False),
    Column("style", Text),
    Column("context", Text),
    Column("meme", Text, nullable=False),
    Column("png", LargeBinary, nullable=False),
    Column("stored_at_s", Float(53), nullable=False, server_default="0"),
    Index("memes_by_time", "stored_at_s"),
)

_VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
_LOCK_NUMBER = 0x6D656D65  # "meme": the advisory lock under which one process at a time changes the schema
_alembic = threading.Lock()  # alembic keeps the migration under way in a global


def prepare(engine: Engine) -> str | None:
    """Bring the database to HEAD; the revision it had before ("" if it was empty), or None if there was nothing to do.

    Any number of processes may do so at once. Raises SchemaUnknown if a newer release made the database, and what SQLAlchemy raises.
    """
    with engine.connect() as connection:
        if revision(connection) == HEAD:
            return None
    with engine.connect() as connection:
        _lock(connection)
        found = revision(connection)
        if found == HEAD:
            return None
        if found == "":
            METADATA.create_all(connection)
            _VERSION.create(connection)
            connection.execute(insert(_VERSION).values(version_num=HEAD))
        else:
            _migrate(connection, found)
        connection.commit()
    return found


def revision(connection: Connection) -> str:
    """The revision of a database: "" if there are no tables of ours in it, "0001" also where they are older than migrations."""
    tables = set(inspect(connection).get_table_names())
    if _VERSION.name in tables:
        found = connection.execute(select(_VERSION.c.version_num)).scalar()
        if found is not None:
            return str(found)
    return "0001" if MEMES.name in tables else ""


def _lock(connection: Connection) -> None:
    """Until the end of the transaction nobody else changes the schema."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_NUMBER})")


def _migrate(connection: Connection, found: str) -> None:
    from alembic import command  # noqa: PLC0415 - a tenth of a second, which only an older database has to pay
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    if found not in {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}:
        raise SchemaUnknown(f"the database has schema {found}, this release knows up to {HEAD}; install the release that made it")
    with _alembic:
        if _VERSION.name not in inspect(connection).get_table_names():
            command.stamp(config, found)
        command.upgrade(config, "head")
