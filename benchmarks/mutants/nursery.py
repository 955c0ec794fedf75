"""``python -m benchmarks.mutants.nursery``: imports what never changes, once, and forks a child for each request that it reads.

A request is a line of JSON: the folder that has to stand first on the path, jobs, whether to shrink. The child prints a line for each
job; then comes a line with its exit code. Nothing of the service or of its suite may be imported before the fork: they are the child's own.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import traceback
from typing import Any, Final

SLOW: Final = (
    "greenroom",
    "greenroom.machine",
    "hypothesis.stateful",
    "hypothesis_jsonschema",
    "fastapi",
    "sqlalchemy",
    "sqlalchemy.dialects.sqlite",
    "PIL.Image",
)
OWN: Final = ("dspy_meme_gen", "machines", "model", "strategies")


def main() -> None:
    """Serve until the input ends."""
    for name in SLOW:
        with contextlib.suppress(ImportError):  # whoever needs it will say so
            importlib.import_module(name)
    early = [name for name in OWN if name in sys.modules]
    assert not early, f"{early[0]} is imported already; a child could not import it from its copy"
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(_serve(json.loads(line)))
        _, status = os.waitpid(child, 0)
        print(json.dumps({"ended": os.waitstatus_to_exitcode(status)}), flush=True)


def _serve(request: dict[str, Any]) -> int:
    sys.path.insert(0, request["path"])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (request["path"], os.environ.get("PYTHONPATH"))))
    try:
        from benchmarks.mutants.child import run_jobs  # noqa: PLC0415 - it imports the service, from the copy

        for found in run_jobs(request["path"], request["jobs"], shrink=request["shrink"]):
            print(json.dumps(found, ensure_ascii=False), flush=True)
    except BaseException:  # noqa: BLE001 - told by the exit code, and by the last line on stderr
        traceback.print_exc()
        sys.stderr.flush()
        return 1
    return 0


if __name__ == "__main__":
    main()
