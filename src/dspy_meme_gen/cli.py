"""The command line: `memespy make TOPIC`, and what goes with it.

Exit status 0: here is your meme. 1: there will be none, and why. 2: the command cannot be carried out as it was given. 130: interrupted.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import NoReturn

import shtab

from dspy_meme_gen import __version__
from dspy_meme_gen.adapters.archive import ArchiveBroken
from dspy_meme_gen.adapters.sqlalchemy_store import SqlAlchemyStore
from dspy_meme_gen.bootstrap import configured_ports, start_pipeline
from dspy_meme_gen.configuration import as_lines, as_values, connections, first_line
from dspy_meme_gen.domain import FORMATS, TERMINAL_STAGES, Failed, GenerateMeme, Meme, Outcome, Progress, Rejected, terminal_stage
from dspy_meme_gen.errors import InvalidRequest, InvalidSettings
from dspy_meme_gen.serve_command import add_serve
from dspy_meme_gen.settings import Settings
from dspy_meme_gen.store_commands import CommandFailed, add_store_commands

__all__ = ["main"]


class _UsageError(Exception):
    """The command cannot be carried out as it was given; the message is the line to print."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; argparse itself would put the whole usage before it."""

    def error(self, message: str) -> NoReturn:
        """Print and leave with status 2."""
        self.exit(2, f"{self.prog}: {message} (try {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")  # a path may hold bytes that are no text; printing it must not fail
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options)
    except (_UsageError, InvalidSettings, ArchiveBroken) as error:
        return _complain(str(error), status=2)
    except CommandFailed as error:
        return _complain(str(error), status=error.status)
    except KeyboardInterrupt:
        return _complain("interrupted", status=130)
    except BrokenPipeError:
        # Whoever read our output has gone. Python would complain once more at exit, when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="memespy", description="A topic goes in, a captioned meme comes out.")
    parser.add_argument("--version", action="version", version=f"memespy {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    make = commands.add_parser("make", help="make a meme and save it as a PNG", description="Make a meme and save it as a PNG.")
    make.add_argument("topic", metavar="TOPIC", help="what it is about, 1 to 100 characters")
    make.add_argument("--format", default="classic", help=f"one of {', '.join(FORMATS)} (default: %(default)s)")
    make.add_argument("--style", help="its tone, e.g. sarcastic, wholesome, corporate")
    make.add_argument("--context", help="what else to bear in mind, up to 1,000 characters")
    make.add_argument("--output", metavar="FILE.png", help="where to save it (default: <meme id>.png, here)")
    make.add_argument("--json", action="store_true", help="print the outcome as JSON")
    make.add_argument("--database", metavar="URL", help="where memes are kept (default: $DATABASE_URL, or SQLite in your data directory)")
    make.set_defaults(command=_make)
    formats = commands.add_parser("formats", help="list the formats", description="List the formats, one a line.")
    formats.set_defaults(command=_formats)
    check = commands.add_parser(
        "check-config",
        help="show the settings in force, and what is wrong with them",
        description="Show the settings in force, secrets masked, and what is wrong with them. Exit status 2 if something is.",
    )
    check.add_argument("--connect", action="store_true", help="try the database and Redis too")
    check.add_argument("--json", action="store_true", help="print them as JSON")
    check.set_defaults(command=_check_config)
    migrate = commands.add_parser(
        "migrate", help="bring the database's schema up to date", description="Bring the database's schema up to date, as every start does."
    )
    migrate.add_argument("--database", metavar="URL", help="which one (default: $DATABASE_URL, or SQLite in your data directory)")
    migrate.set_defaults(command=_migrate)
    add_serve(commands)
    add_store_commands(commands)
    completing = commands.add_parser(
        "completion",
        help="print what makes a shell complete memespy's commands",
        description="Print what makes a shell complete memespy's commands and options: source <(memespy completion bash)",
    )
    completing.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="which shell")
    completing.set_defaults(command=_completion)
    return parser


def _completion(options: argparse.Namespace) -> int:
    print(shtab.complete(_parser(), options.shell))
    return 0


def _formats(options: argparse.Namespace) -> int:  # noqa: ARG001 - every command is given its options
    print("\n".join(FORMATS))
    return 0


def _check_config(options: argparse.Namespace) -> int:
    try:
        settings = Settings.from_environment()
        configured_ports(settings)
    except InvalidSettings as error:
        if options.json:
            print(json.dumps({"problems": list(error.problems)}, indent=2))
        else:
            for problem in error.problems:
                _complain(problem, status=2)
        return 2
    troubles = connections(settings) if options.connect else {}
    if options.json:
        print(json.dumps({"settings": as_values(settings), "problems": [], "connections": troubles}, indent=2))
    else:
        print("\n".join(as_lines(settings)))
        for name, trouble in troubles.items():
            print(f"{name}: {trouble or 'answers'}")
    return 1 if any(troubles.values()) else 0


def _migrate(options: argparse.Namespace) -> int:
    settings = _settings(options)
    store = SqlAlchemyStore(settings.database(), limit_s=settings.database_limit_s)
    try:
        found = store.migrate()
    except Exception as error:  # noqa: BLE001 - whatever the database raises, the user wants a line and no traceback
        return _complain(f"{settings.shown_database()} cannot be migrated: {first_line(error)}", status=1)
    finally:
        store.close()
    done = {None: "is up to date already", "": "was empty and has its tables now"}.get(found, f"was brought up to date from schema {found}")
    print(f"{settings.shown_database()} {done}")
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    settings = Settings.from_environment()
    return settings if options.database is None else replace(settings, database_url=options.database)


def _make(options: argparse.Namespace) -> int:
    settings = _settings(options)
    logging.basicConfig(level=settings.log_level, format="memespy: %(levelname)s %(name)s: %(message)s")
    request = _request(options)
    output = None if options.output is None else _writable(Path(options.output))
    with start_pipeline(settings, configured_ports(settings, _show)) as pipeline:
        outcome = pipeline.submit(request).get()
        record = pipeline.record(outcome.id) if isinstance(outcome, Meme) else None
    if record is not None:
        output = output or _writable(Path(record.meme.image.reference))
        _write(output, record.png)
    print(_as_json(outcome, output) if options.json else _as_text(outcome, output))
    return 0 if isinstance(outcome, Meme) else 1


def _request(options: argparse.Namespace) -> GenerateMeme:
    try:
        return GenerateMeme.create(
            request_id="command-line", topic=options.topic, format=options.format, style=options.style, context=options.context
        )
    except InvalidRequest as error:
        raise _UsageError(str(error)) from error


def _writable(path: Path) -> Path:
    """The path, if a file can be written there as far as can be told beforehand."""
    folder = path.parent
    if not os.fspath(path) or path.is_dir():
        raise _UsageError(f"cannot write {str(path)!r}: it is a directory; expected a file name such as meme.png")
    if not folder.is_dir():
        raise _UsageError(f"cannot write {path}: there is no directory {folder}")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise _UsageError(f"cannot write {path}: permission denied")
    return path


def _write(path: Path, png: bytes) -> None:
    try:
        path.write_bytes(png)
    except OSError as error:
        raise _UsageError(f"cannot write {path}: {error.strerror or error}") from error


def _show(progress: Progress) -> None:
    if progress.stage not in TERMINAL_STAGES:
        print(f"  {progress.stage}{f' ({progress.detail})' if progress.detail else ''} ...", file=sys.stderr, flush=True)


def _as_json(outcome: Outcome, output: Path | None) -> str:
    document = {"outcome": terminal_stage(outcome), **asdict(outcome)}
    if isinstance(outcome, Meme):
        document["file"] = str(output)
    return json.dumps(document, indent=2, sort_keys=True)


def _as_text(outcome: Outcome, output: Path | None) -> str:
    match outcome:
        case Meme():
            score = outcome.score
            parts = ", ".join(f"{part} {getattr(score, part):.2f}" for part in ("humor", "clarity", "creativity", "shareability"))
            lines = ["", f"  {outcome.text.top}", f"  {outcome.text.bottom}", ""]
            lines.append(f"score {score.total:.2f} ({parts}), refined {_times(outcome.refinement_count)}")
            if outcome.degraded:
                lines.append(f"went without: {', '.join(outcome.degraded)}")
            lines.append(f"saved {output} ({outcome.image.width} x {outcome.image.height}, {outcome.image.size_bytes:,} bytes)")
            return "\n".join(lines)
        case Rejected(reasons):
            return f"rejected: {'; '.join(reasons)}"
        case Failed(error, stage):
            return f"failed: {error} in stage {stage}"
        case _:
            return terminal_stage(outcome).replace("_", " ")


def _times(count: int) -> str:
    return {0: "not at all", 1: "once", 2: "twice"}.get(count, f"{count} times")


def _complain(message: str, *, status: int) -> int:
    print(f"memespy: {' '.join(message.split())}", file=sys.stderr)
    return status
