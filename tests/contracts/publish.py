"""Write the contract that is served into openapi.json, and into published/VERSION.json: ``python -m tests.contracts.publish``.

Read the difference before committing it. A published version that was released stays as it is: raise the version of the project first.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from dspy_meme_gen.api.app import create_app
from dspy_meme_gen.bootstrap import configured_ports, start_pipeline
from dspy_meme_gen.settings import Settings


def main() -> None:
    """Nothing is generated, so nothing is opened."""
    with tempfile.TemporaryDirectory() as data:
        settings = Settings(database_url=f"sqlite:///{data}/memes.db", health_period_s=0)
        with start_pipeline(settings, configured_ports(settings)) as pipeline:
            document = create_app(pipeline, settings).openapi()
    folder = Path(__file__).parent
    for path in (folder / "openapi.json", folder / "published" / f"{document['info']['version']}.json"):
        path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
