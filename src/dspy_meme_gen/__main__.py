"""`python -m dspy_meme_gen` is the command `memespy`."""

import sys

from dspy_meme_gen.cli import main

if __name__ == "__main__":
    sys.exit(main())
