"""Write the contract that is served into openapi.json, and into published/VERSION.json: ``python -m tests.contracts.publish``.

Read the difference before committing it. A published version that was released stays as it is: raise the version of the project first.
"""

from __future__ import annotations

import json
from pathlib import Path

from machines import contract


def main() -> None:
    """Write both files."""
    document = contract.published()
    folder = Path(__file__).parent
    for path in (folder / "openapi.json", folder / "published" / f"{document['info']['version']}.json"):
        path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
