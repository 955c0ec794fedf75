"""What ``FILE.py::name`` names: a scenario, or a checker."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenroom.checking import Placed
from greenroom.errors import ScenarioNotFound

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


def load_scenario(place: str) -> Callable[[], Any]:
    """The function that ``FILE.py::function`` names.

    Raises:
        ScenarioNotFound: there is no such file or function, the file cannot be imported, or the function wants arguments; the
            message says which.
    """
    path, function_name = _parted(place, "function")
    file_name = place.partition("::")[0]
    module = _module(path, file_name)
    function = getattr(module, function_name, None)
    if not callable(function):
        known = [name for name, value in vars(module).items() if inspect.isfunction(value) and value.__module__ == module.__name__]
        raise ScenarioNotFound(f"{file_name} has no function {function_name!r}; it has {', '.join(known) or 'none'}")
    found: Callable[[], Any] = function
    try:
        inspect.signature(found).bind()
    except TypeError as error:
        raise ScenarioNotFound(f"{place} is no scenario, for it cannot be called without arguments: {error}") from error
    return found


def load_check(place: str) -> Placed:
    """The checker that ``FILE.py::name`` names: a variable, or a function that returns one. The scenario's own file is not loaded again.

    Raises:
        ScenarioNotFound: there is no such file or name, or it is no checker; the message says which.
    """
    path, name = _parted(place, "checker")
    loaded = sys.modules.get(module_name(path))
    file_name = place.partition("::")[0]
    module = loaded if getattr(loaded, "__file__", None) == str(path.resolve()) else _module(path, file_name)
    if not hasattr(module, name):
        known = [key for key, value in vars(module).items() if callable(getattr(value, "check", None)) and not isinstance(value, type)]
        raise ScenarioNotFound(f"--check: {file_name} has no {name!r}; its checkers are {', '.join(known) or 'none'}")
    found: Any = getattr(module, name)
    if not hasattr(found, "check") and callable(found):
        try:
            found = found()
        except TypeError as error:
            raise ScenarioNotFound(f"--check: {place} does not return a checker when it is called without arguments: {error}") from error
    if isinstance(found, type) or not callable(getattr(found, "check", None)):
        raise ScenarioNotFound(f"--check: {place} is {found!r}, and no checker; write claim = greenroom.linearizable(spec), for example")
    return Placed(found, place)


def _parted(place: str, kind: str) -> tuple[Path, str]:
    """The file and the name in ``FILE.py::name``."""
    file_name, separator, name = place.partition("::")
    if not separator or not name:
        raise ScenarioNotFound(f"{place!r} names no {kind}; write FILE.py::{kind}, as in examples/lost_update.py::scenario")
    if not Path(file_name).is_file():
        raise ScenarioNotFound(f"there is no file {file_name}")
    return Path(file_name), name


def _module(path: Path, file_name: str) -> ModuleType:
    name = module_name(path)
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise ScenarioNotFound(f"{file_name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ScenarioNotFound(f"{file_name} cannot be imported: {type(error).__name__}: {error}") from error
    return module


def module_name(path: Path) -> str:
    """The file's own name, unless a module of that name is another one: ``queue.py`` must not take the place of Python's."""
    known = sys.modules.get(path.stem)
    taken = path.stem in sys.stdlib_module_names or (known is not None and getattr(known, "__file__", None) != str(path.resolve()))
    return f"{path.stem} (a scenario)" if taken else path.stem
