"""A mutant: a small fault of the service as a patch, with what is wrong, its class, and the machine that is to find it first."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = Path(__file__).resolve().parent
SERVICE: Final = Path("src") / "dspy_meme_gen"
UNCHANGED: Final = "(unchanged)"
"""The name under which the service as it is stands in the results."""

CLASSES: Final[dict[str, str]] = {
    "communication deadlock": "waits for a message or a lock that can never come",
    "behavioural deadlock": "nobody is blocked, and nobody will ever send what the next step needs",
    "livelock": "messages go round, and nothing comes of it",
    "message-order violation": "two messages in an order that the receiver was never meant to see",
    "bad interleaving": "a check and what follows from it are two steps, and somebody comes between",
    "memory inconsistency": "state that should be one request's, or one incarnation's, is shared",
    "lost reply": "somebody is owed an answer, or a notice, that is never sent",
    "double reply": "an answer counts twice, or a later one overwrites the first",
    "error handling": "what is right while all goes well is wrong where something fails",
    "shutdown": "the end: a stop that hangs, work that is accepted after it",
    "recovery": "what a restart must restore, resend, count or leave alone",
    "creation order": "somebody is told of, or started beside, an actor that is not there yet or still there",
    "workload and timeouts": "limits, deadlines, admission and pauses",
    "leak": "something is kept that nobody needs any more",
    "stale data": "what was true once is taken for true now",
    "wrong key": "two things that differ share a key, or one thing has two",
    "starvation": "somebody is always passed over",
    "wrong result": "the outcome itself: content, flags, stages",
}
"""The classes of Torres Lopez et al. ("A Study of Concurrency Bugs and Advanced Development Support for Actor-based Programs", 2018) and of
Bagherzadeh et al. ("Actor Concurrency Bugs", OOPSLA 2020), with the rest of what the design of the service names."""

_HEADER: Final = re.compile(r"^(What|Class|Machine|Known): +(\S.*)$")
_NEEDED: Final = ("What", "Class", "Machine")


class MutantInvalid(Exception):
    """A patch file is not what it must be, or cannot be applied."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """`what` is wrong in one sentence; `known` says which of the known faults of such systems it is, if it is one. `diff` is the patch."""

    name: str
    what: str
    bug_class: str
    machine: str
    known: str
    diff: str

    @property
    def digest(self) -> str:
        """Eight characters that change with the patch."""
        return hashlib.sha256(self.diff.encode()).hexdigest()[:8]

    @property
    def files(self) -> tuple[Path, ...]:
        """What it changes, from the repository's root."""
        return tuple(Path(line.removeprefix("+++ b/")) for line in self.diff.splitlines() if line.startswith("+++ b/"))


def read(path: Path) -> Mutant:
    """The mutant of a patch file. Raises MutantInvalid, which says what its header lacks."""
    text = path.read_text(encoding="utf-8")
    header, found, diff = text.partition("--- a/")
    if not found:
        raise MutantInvalid(f"{path.name}: no line begins with '--- a/'; expected a unified diff below the header")
    fields: dict[str, str] = {}
    for line in header.splitlines():
        match = _HEADER.match(line)
        if match:
            fields[match[1]] = match[2].strip()
        elif line.strip() and not line.startswith(("diff --git ", "index ")):
            raise MutantInvalid(
                f"{path.name}: {line!r} is no line of a header; expected 'What:', 'Class:', 'Machine:' or 'Known:', one a line"
            )
    missing = [name for name in _NEEDED if name not in fields]
    if missing:
        raise MutantInvalid(f"{path.name}: the header lacks {missing[0]}:")
    if fields["Class"] not in CLASSES:
        raise MutantInvalid(f"{path.name}: {fields['Class']!r} is no class of bugs; choose among {', '.join(CLASSES)}")
    return Mutant(path.stem, fields["What"], fields["Class"], fields["Machine"], fields.get("Known", ""), found + diff)


def mutants(pattern: str = "*", folder: Path = FOLDER) -> tuple[Mutant, ...]:
    """All mutants whose name matches, by name."""
    return tuple(read(path) for path in sorted(folder.glob(f"{pattern}.patch")))


def copy_service(folder: Path) -> Path:
    """A copy of the service's package under `folder`; what has to stand first on the path for it to be imported."""
    shutil.copytree(ROOT / SERVICE, folder / SERVICE, ignore=shutil.ignore_patterns("__pycache__"))
    return folder / SERVICE.parent


def plant(mutant: Mutant, folder: Path) -> None:
    """Apply the patch to the copy under `folder`. Raises MutantInvalid where it does not apply, or nothing is there to apply it."""
    if shutil.which("git"):
        command = ["git", "apply", "--whitespace=nowarn", "-"]
    elif shutil.which("patch"):
        command = ["patch", "--strip=1", "--batch", "--forward", "--fuzz=0", "--quiet"]
    else:
        raise MutantInvalid("neither git nor patch was found on PATH; one of them has to apply the patches (Debian: apt install git)")
    # Where the folder is inside a repository, git would look for the files in that one.
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.resolve().parent), "LC_ALL": "C"}
    done = subprocess.run(command, cwd=folder, env=environment, input=mutant.diff, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise MutantInvalid(f"{mutant.name} does not apply: {said}\nthe service has changed there: make the same fault in it anew")
