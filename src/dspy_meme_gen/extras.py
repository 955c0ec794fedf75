"""Packages that not everybody installs: whoever asks for what needs one is told which extra brings it."""

import importlib.util

from dspy_meme_gen.errors import InvalidSettings

__all__ = ["require"]


def require(module: str, extra: str, why: str) -> None:
    """Raises InvalidSettings, which names the extra, where the module is not installed."""
    if importlib.util.find_spec(module) is None:
        raise InvalidSettings(f"{why}, which needs a package that is not installed: pip install 'greenroom[memespy,{extra}]'")
