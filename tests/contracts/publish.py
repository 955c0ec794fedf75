"""Write the contract that is served into openapi.json: ``python -m tests.contracts.publish``. Read the difference before committing it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from dspy_meme_gen.api.app import create_app
from dspy_meme_gen.bootstrap import configured_ports, start_pipeline
from dspy_meme_gen.settings import Settings


def main() -> None:
    """Nothing is generated, so nothing is opened."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(database_url=f"sqlite:///{folder}/memes.db", health_period_s=0)
        with start_pipeline(settings, configured_ports(settings)) as pipeline:
            document = create_app(pipeline, settings).openapi()
    (Path(__file__).parent / "openapi.json").write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
