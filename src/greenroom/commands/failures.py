"""``greenroom failures list | show | replay | export | prune``: Hypothesis's saved failures, matched to the tests that there are."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis.database import DirectoryBasedExampleDatabase

from greenroom.commands.collected import Collected, collect, open_database, replay
from greenroom.errors import UsageError
from greenroom.failures import Entry, Kept, entries, forget, parts, read_index, remove

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from hypothesis.database import ExampleDatabase


@dataclass(slots=True)
class Group:
    """The entries under one key: of which test they are, or were, and what is kept about them."""

    key: bytes
    entries: list[Entry]
    test: str | None
    kept: Kept | None
    orphaned: bool

    @property
    def title(self) -> str:
        """The test's id, as far as it is known."""
        return self.test or (self.kept.test if self.kept else "a test unknown here")


class Store:
    """A database beside the tests that its entries may belong to."""

    def __init__(self, tests: Sequence[str], where: str | None) -> None:
        self.collected: Collected = collect(tests)
        self.database: ExampleDatabase = open_database(where, self.collected)
        kept = {bytes.fromhex(each.key): each for each in read_index(self.database)}
        by_key: dict[bytes, list[Entry]] = {}
        for entry in entries(self.database, self.collected.tests):
            by_key.setdefault(entry.key, []).append(entry)
        groups = [
            Group(key, found, self.collected.tests.get(key), kept.get(key), key not in self.collected.tests)
            for key, found in by_key.items()
            if any(entry.kind != "pareto" for entry in found)
        ]
        whole = not tests
        chosen = [group for group in groups if not group.orphaned or whole or _among(group.kept, tests)]
        self.others = len(groups) - len(chosen)
        self.groups = sorted(chosen, key=lambda group: (group.orphaned, group.title))

    def group_of(self, name: str) -> tuple[Group, Entry]:
        """The entry of that name, or the smallest of the test of that id.

        Raises:
            UsageError: there is none, or more than one.
        """
        named = [(group, entry) for group in self.groups for entry in group.entries if entry.name.startswith(name)]
        tests = [group for group in self.groups if group.title == name]
        if len(named) == 1 and len(name) >= 3:
            return named[0]
        if tests:
            return tests[0], tests[0].entries[0]
        if named and len(name) >= 3:
            raise UsageError(f"{name} may be any of {', '.join(entry.name for _, entry in named)}")
        raise UsageError(f"there is no entry or test {name!r}; `greenroom failures list` shows what there is")


def add_parser(commands: Any, told: str) -> None:
    """The subcommand and its own subcommands."""
    parser = commands.add_parser("failures", help=told, description=told)
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = _action(actions, "list", _list, "which tests have saved failures, and which entries belong to no test any more")
    _tests(listing)
    showing = _action(actions, "show", _show, "an entry: what broke, the picture, the program as code")
    showing.add_argument("entry", metavar="ENTRY", help="the name that list prints, or a test id")
    _tests(showing)
    replaying = _action(actions, "replay", _replay, "run the entries again; exit code 1 if one still fails, 2 if there is none")
    _tests(replaying)
    exporting = _action(actions, "export", _export, "write an entry as a plain pytest function")
    exporting.add_argument("entry", metavar="WHAT", help="the name that list prints, a test id, or a replay line in quotes")
    exporting.add_argument("file", metavar="FILE", help="the test file to write; - prints it")
    _tests(exporting)
    exporting.add_argument("--force", action="store_true", help="write over FILE")
    pruning = _action(actions, "prune", _prune, "remove the entries that belong to no test any more")
    _tests(pruning)
    pruning.add_argument("--passing", action="store_true", help="replay the others, and remove those that do not fail any more as well")
    pruning.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    pruning.add_argument("--yes", action="store_true", help="remove it; without, nothing is changed")


def _action(actions: Any, name: str, run: Callable[[Any], int], what: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=what, description=what)
    parser.set_defaults(run=run)
    where = "a folder, or redis://HOST:PORT/NUMBER (default: the database of the Hypothesis profile in force)"
    parser.add_argument("--database", metavar="WHERE", default=None, help=where)
    return parser


def _tests(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tests", nargs="*", metavar="TEST", help="as for pytest: files, folders, test ids (default: all tests)")


# -- list and show --------------------------------------------------------------------------------------------------------------


def _list(options: Any) -> int:
    store = Store(options.tests, options.database)
    if not store.groups:
        print(f"no failure is saved{_others(store)}: {_shown(store.database)}")
        return 0
    for orphaned in (False, True):
        groups = [group for group in store.groups if group.orphaned is orphaned]
        if groups and orphaned:
            print("ORPHANED: no test has these keys; it was edited since, renamed or removed, or Hypothesis is another release")
        for group in groups:
            print(f"{group.title}\n  {_told(group)}")
    total = sum(len(group.entries) for group in store.groups)
    lost = sum(group.orphaned for group in store.groups)
    tail = f", {_counted(lost, 'of them orphaned', 'of them orphaned')}" if lost else ""
    print(f"\n{_counted(total, 'entry', 'entries')} of {_counted(len(store.groups), 'test', 'tests')}{tail}{_others(store)}")
    return 0


def _told(group: Group) -> str:
    first, counts = group.entries[0], _kinds(group.entries)
    when = _when(group)
    headline = f"  {group.kept.headline}" if group.kept else "  (nothing is kept about it)"
    return f"{first.name}  {counts}{f'  {when}' if when else ''}{headline}"


def _kinds(found: list[Entry]) -> str:
    kinds = Counter(entry.kind for entry in found)
    return ", ".join(f"{kinds[kind]} {kind}" for kind in ("primary", "secondary", "pareto") if kinds[kind])


def _when(group: Group) -> str:
    saved = [entry.saved_s for entry in group.entries if entry.saved_s is not None]
    if saved:
        return datetime.fromtimestamp(max(saved), UTC).strftime("%Y-%m-%d %H:%M")
    return group.kept.seen[:16].replace("T", " ") if group.kept else ""


def _show(options: Any) -> int:
    store = Store(options.tests, options.database)
    group, entry = store.group_of(options.entry)
    kept, state = _looked_at(store, group, entry)
    print(f"{group.title}\n{entry.name}, {entry.kind}, {_when(group)}: {state}")
    if kept is None:
        return 0
    print(f"\n{kept.headline}")
    if kept.picture:
        print(f"\n{kept.picture.strip()}")
    print(f"\n{kept.code or f'It cannot be written as code: {kept.why_not}'}".rstrip())
    return 0


def _looked_at(store: Store, group: Group, entry: Entry) -> tuple[Kept | None, str]:
    """What is to be told of an entry, from a replay where its test is there, and how it stands."""
    if group.test is None:
        if group.kept is None:
            return None, "orphaned, and nothing is kept about it: greenroom's pytest plugin has not seen it fail"
        return group.kept, f"orphaned; this was kept when it failed ({group.kept.seen})"
    keeping, printed = replay([_argument(store, group.test)], store.database, frozenset((entry.value,)))
    fresh = keeping.seen.get(group.test)
    if fresh is not None:
        kept = group.kept
        smaller = kept is not None and kept.headline == fresh.headline and 0 < len(kept.code) < len(fresh.code)
        return (kept if smaller else fresh), "still fails"
    if not keeping.total.entries:
        raise UsageError(f"{group.test} cannot be replayed:\n{printed.strip()}")
    how = str(keeping.total).removeprefix("1 ")
    return group.kept, f"{how}; this was kept when it failed" if group.kept else how


# -- replay ----------------------------------------------------------------------------------------------------------------------


def _replay(options: Any) -> int:
    store = Store(options.tests, options.database)
    tests = [group.test for group in store.groups if group.test is not None]
    if not tests:
        print(f"greenroom: no failure of these tests is saved: {_shown(store.database)}", file=sys.stderr)
        return 2
    keeping, printed = replay([_argument(store, test) for test in tests], store.database)
    for test in tests:
        result = keeping.replayed.get(test)
        if result is None:
            print(f"{test}\n  was not run")
            continue
        seen = keeping.seen.get(test)
        print(f"{test}\n  {result}{f': {seen.headline}' if seen else ''}")
    if len(keeping.replayed) < len(tests):
        print(f"\n{printed.strip()}", file=sys.stderr)
        return 2
    print(f"\n{keeping.told()}")
    return 1 if keeping.total.fails else 0


# -- export ----------------------------------------------------------------------------------------------------------------------


def _export(options: Any) -> int:
    if options.file != "-" and Path(options.file).exists() and not options.force:
        raise UsageError(f"{options.file} is there already: choose another name, or add --force")
    if "::" in options.entry and "g1:" in options.entry:
        from greenroom.commands.replay_line import code_of  # noqa: PLC0415 - only here

        code, state = code_of(options.entry), ""
    else:
        code, state = _code(Store(options.tests, options.database), options.entry)
    if options.file == "-":
        print(code, end="")
        return 0
    path = Path(options.file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code, encoding="utf-8")
    ended = subprocess.run(  # noqa: S603 - the test just written, with this Python
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(path)], capture_output=True, text=True, check=False
    )
    if re.search(r"\b1 failed", ended.stdout):  # an error in a fixture ends with the same exit code
        print(f"{path} fails now, as the entry does")
        return 0
    if ended.returncode == 0:
        print(f"{path} passes now{f' ({state})' if state else ''}")
        return 1
    print(f"{path} was written, but does not run:\n{ended.stdout.strip()}", file=sys.stderr)
    return 2


def _code(store: Store, name: str) -> tuple[str, str]:
    group, entry = store.group_of(name)
    kept, state = _looked_at(store, group, entry)
    if kept is None:
        raise UsageError(f"{group.title} {entry.name}: {state}")
    if not kept.code:
        raise UsageError(f"{group.title} cannot be written as code: {kept.why_not}")
    return kept.code, state


# -- prune -----------------------------------------------------------------------------------------------------------------------


def _prune(options: Any) -> int:
    store = Store(options.tests, options.database)
    doomed = [(group, entry, "orphaned") for group in store.groups if group.orphaned for entry in group.entries]
    if options.passing:
        doomed += _not_failing(store)
    if not doomed:
        print(f"nothing to remove{_others(store)}")
        return 0
    acts = options.yes and not options.dry_run
    left: list[Entry] = []
    by_group: dict[tuple[str, str], list[Entry]] = {}
    for group, entry, state in doomed:
        by_group.setdefault((group.title, state), []).append(entry)
    for (title, state), found in by_group.items():
        stays = [entry for entry in found if acts and not remove(store.database, entry)]
        left += stays
        verb = "would remove" if not acts else "cannot remove, for the database is read-only:" if stays else "removed"
        print(f"{verb} {_kinds(found)} of {title}: {state}")
    if not acts:
        print(f"\nnothing was removed: add --yes to remove {_counted(len(doomed), 'entry', 'entries')}")
        return 0
    for kept in read_index(store.database):
        key = bytes.fromhex(kept.key)
        if not any(entry.key == key for entry in entries(store.database, [key])):
            forget(store.database, key)
    return 1 if left else 0


def _not_failing(store: Store) -> list[tuple[Group, Entry, str]]:
    """The entries of tests that pass now, or are invalid."""
    tests = [_argument(store, group.test) for group in store.groups if group.test is not None]
    if not tests:
        return []
    results = replay(tests, store.database)[0].results
    found = ((group, entry, results.get((entry.key, entry.value), "fails")) for group in store.groups for entry in group.entries)
    told = {"passes": "passes now", "invalid": "no valid example any more"}
    return [(group, entry, told[result]) for group, entry, result in found if entry.kind != "pareto" and result in told]


# -- words -----------------------------------------------------------------------------------------------------------------------


def _among(kept: Kept | None, tests: Sequence[str]) -> bool:
    """Whether a kept failure was one of the tests that an argument of pytest names."""
    names = [test.removeprefix("./").rstrip("/") for test in tests]
    return kept is not None and any(kept.test == name or kept.test.startswith((f"{name}/", f"{name}::")) for name in names)


def _argument(store: Store, test: str) -> str:
    """The test id as pytest takes it from here: ids count from the root of the project."""
    root = store.collected.root
    return test if root is None else str(root / test)


def _others(store: Store) -> str:
    return f" (and {_counted(store.others, 'key', 'keys')} of other tests)" if store.others else ""


def _shown(database: ExampleDatabase) -> str:
    """The folders it stands for, where it stands for any."""
    folders = [str(each.path) for each in parts(database) if isinstance(each, DirectoryBasedExampleDatabase)]
    return ", ".join(folders) or repr(database)


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
