"""A scheduling point before each source line of named modules: for state that actors or threads share by mistake.

The functions of those modules get other code while an exploration runs: the same source, compiled again with a call in front of every
statement inside a function. No tracer is involved, so a debugger and coverage go on as ever, and code that is not named costs nothing.
What is called from inside a container or a picture (``__eq__``, ``__hash__``, ``__repr__``, …) and what garbage collection calls
(``__del__``) stays in one piece: it may run in the middle of anything.
"""

from __future__ import annotations

import ast
import builtins
import gc
import importlib
import inspect
import linecache
import sys
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final, Self

from greenlet import getcurrent

from greenroom.elsewhere import here
from greenroom.errors import UsageError
from greenroom.task import TaskGreenlet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from greenroom.scheduler import Scheduler

_POINT: Final = "__greenroom_line__"
_AFTER: Final = "__greenroom_after__"
_STILL: Final = "__greenroom_still__"
_IN_ONE_PIECE: Final = frozenset(
    {
        "__del__", "__repr__", "__str__", "__format__", "__bytes__", "__hash__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__",
        "__bool__", "__len__", "__sizeof__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__",
    }
)  # fmt: skip
_WITHOUT_POINT: Final = (
    ast.Pass, ast.Global, ast.Nonlocal, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef,
    ast.While,  # its test has one, each time
)  # fmt: skip
_REFUSED: Final = ("greenroom", "greenlet", "pykka")
_NO_FUNCTION: Final = ("<lambda>", "<module>")  # a module that is still being run is a function to Python
_PATIENCE: Final = 10_000  # lines that a task may still run while its stage closes

_Key = tuple[str, int]


class Memory:
    """What all lines of one stage touch: any line may change what any other one reads."""

    greenroom_name = "shared memory"

    def __init__(self) -> None:
        self.after_close = 0


class Lines:
    """The modules whose lines are scheduling points; a context manager that gives their functions back as they were."""

    def __init__(self, modules: Iterable[ModuleType]) -> None:
        self._modules = list(modules)
        self._before: list[tuple[FunctionType, CodeType]] = []

    def __enter__(self) -> Self:
        setattr(builtins, _POINT, line)
        setattr(builtins, _AFTER, after)
        setattr(builtins, _STILL, _still)
        try:
            self._replace()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        for function, code in self._before:
            function.__code__ = code
        self._before.clear()
        delattr(builtins, _POINT)
        delattr(builtins, _AFTER)
        delattr(builtins, _STILL)

    def _replace(self) -> None:
        wanted = {id(vars(module)): (module, _codes(module)) for module in self._modules}
        for function in [value for value in gc.get_objects() if type(value) is FunctionType]:
            module, codes = wanted.get(id(function.__globals__), (None, {}))
            old = function.__code__
            if module is None or old.co_filename != module.__file__ or old.co_name in _NO_FUNCTION:
                continue
            new = codes.get((old.co_qualname, old.co_firstlineno))
            if new is None or new.co_freevars != old.co_freevars:
                raise UsageError(f"{module.__file__} has changed since it was imported: {old.co_qualname} is not there as it was")
            self._before.append((function, old))
            function.__code__ = new


def modules_named(names: Iterable[str], scenario: Any) -> list[ModuleType]:
    """The modules and packages of these names, with all that is loaded below them; without names, the scenario's own module.

    Raises:
        UsageError: there is no such module, it has no source, or its lines cannot be scheduling points.
    """
    wanted = tuple(names)
    if not wanted:
        wanted = (str(getattr(inspect.unwrap(scenario), "__module__", "")),)
        if wanted[0] not in sys.modules:
            raise UsageError('granularity="line" needs to know whose lines: give lines_of the names of modules or packages')
    found: list[ModuleType] = []
    for name in wanted:
        top = name.partition(".")[0]
        if top in _REFUSED or top in sys.stdlib_module_names:
            raise UsageError(f"lines_of takes modules of the program under test, not {name}: that is simulated as a whole")
        if name not in sys.modules:
            try:
                importlib.import_module(name)
            except ImportError as error:
                raise UsageError(f"lines_of names a module {name!r} that cannot be imported: {error}") from error
        below = [module for key, module in list(sys.modules.items()) if key == name or key.startswith(f"{name}.")]
        found += [module for module in below if module not in found]
    with_source = [module for module in found if (getattr(module, "__file__", None) or "").endswith(".py")]
    if not with_source:
        raise UsageError(f"no source was found for {', '.join(wanted)}: its lines cannot be scheduling points")
    return with_source


def line(where: str) -> None:
    """The scheduling point; called by the changed code in front of each statement. ``where`` is ``bank.py:12``."""
    running = getcurrent()
    if running in _still.depths:
        return
    if type(running) is not TaskGreenlet:
        player = here()
        if player is not None:
            player.pass_by("line")
        return
    task = running.task
    scheduler = task.scheduler
    if scheduler.current is not task:
        return
    memory = _memory_of(scheduler)
    if scheduler.closing and memory.after_close < _PATIENCE:
        memory.after_close += 1  # a task that is ended runs its finally clauses
        return
    trace = scheduler.trace
    if trace is not None:
        trace.touch(memory, "write")  # the line that ends here may have gone on behind a message: that step touches memory too
    steps = scheduler.steps
    scheduler.point("line", memory)
    if trace is not None:
        trace.touch(memory, "write")
    # What the statement does with memory is visible: a message that it sends is another step.
    task.committed = True
    history = scheduler.history
    if history is not None and (scheduler.steps != steps + 1 or history.deviation):
        _record(scheduler, where)


def after(value: Any = None) -> Any:
    """What a function returns, when the step that it returns in has touched memory; for the dependence of steps."""
    running = getcurrent()
    if type(running) is TaskGreenlet:
        scheduler = running.task.scheduler
        if scheduler.trace is not None and scheduler.current is running.task and running not in _still.depths:
            scheduler.trace.touch(_memory_of(scheduler), "write")
    return value


def _memory_of(scheduler: Scheduler) -> Memory:
    memory = scheduler.kept.get(Memory)
    if memory is None:
        memory = scheduler.kept[Memory] = Memory()
    found: Memory = memory
    return found


def _record(scheduler: Scheduler, where: str) -> None:
    frame = sys._getframe(2)
    source = linecache.getline(frame.f_code.co_filename, int(where.rpartition(":")[2])).strip()
    scheduler.record("line", where, 0, source)


class _Still:
    """``with`` it, the lines of one task are no scheduling points."""

    def __init__(self) -> None:
        self.depths: dict[Any, int] = {}

    def __enter__(self) -> None:
        running = getcurrent()
        self.depths[running] = self.depths.get(running, 0) + 1

    def __exit__(self, *exception: object) -> None:
        running = getcurrent()
        self.depths[running] -= 1
        if not self.depths[running]:
            del self.depths[running]


_still: Final = _Still()


# -- the same source, with points -------------------------------------------------------------------------------------


def _codes(module: ModuleType) -> dict[_Key, CodeType]:
    """The code of each function of ``module``, with a point before each statement."""
    file_name = str(module.__file__)
    try:
        tree = ast.parse(inspect.getsource(module))
    except (OSError, SyntaxError) as error:
        raise UsageError(f"the source of {module.__name__} cannot be read: {error}") from error
    pointed = ast.fix_missing_locations(_Pointed(Path(file_name).name).visit(tree))
    codes: dict[_Key, CodeType] = {}
    _collect(compile(pointed, file_name, "exec", dont_inherit=True), codes)
    return codes


def _collect(code: CodeType, codes: dict[_Key, CodeType]) -> None:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            codes[constant.co_qualname, constant.co_firstlineno] = constant
            _collect(constant, codes)


class _Pointed(ast.NodeTransformer):
    """Puts a point before each statement of every function; coroutines and lambdas stay as they are."""

    def __init__(self, file_name: str) -> None:
        self._file_name = file_name
        self._inside = False

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        before, self._inside = self._inside, True
        head = node.body[:1] if ast.get_docstring(node, clean=False) is not None else []
        body = self._block(node.body[len(head) :])
        if body:
            body.append(ast.copy_location(ast.Expr(ast.Call(ast.Name(_AFTER, ast.Load()), [], [])), body[-1]))
        self._inside = before
        if node.name in _IN_ONE_PIECE and body:
            body = [ast.copy_location(ast.With([ast.withitem(ast.Name(_STILL, ast.Load()))], body), body[0])]
        node.body = [*head, *body]
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        before, self._inside = self._inside, False
        self.generic_visit(node)
        self._inside = before
        return node

    def visit_Return(self, node: ast.Return) -> ast.Return:
        if self._inside and node.value is not None:
            node.value = ast.copy_location(ast.Call(ast.Name(_AFTER, ast.Load()), [node.value], []), node.value)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if self._inside and isinstance(node, ast.While):
            node.test = ast.copy_location(ast.BoolOp(ast.Or(), [self._call(node.test), node.test]), node.test)
        for name, value in ast.iter_fields(node):
            if self._inside and isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                setattr(node, name, self._block(value))
            elif isinstance(value, list):
                for part in value:
                    if isinstance(part, ast.stmt | ast.ExceptHandler | ast.match_case):
                        self.visit(part)
        return node

    def _block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        block: list[ast.stmt] = []
        for statement in statements:
            if not isinstance(
                statement, ast.Pass | ast.Global | ast.Nonlocal | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.While
            ):
                block.append(ast.copy_location(ast.Expr(self._call(statement)), statement))
            block.append(self.visit(statement))
        return block

    def _call(self, at: ast.stmt | ast.expr) -> ast.expr:
        where = ast.Constant(f"{self._file_name}:{at.lineno}")
        call = ast.Call(ast.Name(_POINT, ast.Load()), [where], [])
        return ast.copy_location(call, at)
