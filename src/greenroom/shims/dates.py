"""``datetime.now()``, ``utcnow()`` and ``today()`` as a simulated task sees them.

The classes of ``datetime`` are written in C and looked up by name when one of their instances is pickled, so that module stays as it is.
Only the modules of the program under test see these classes in its place, as ``datetime`` or as ``datetime.datetime``: ``isinstance`` and
``issubclass`` answer as ever, and what they make are plain dates. What stays real: ``now()`` of a subclass that the program itself wrote
before the stage opened. What differs: ``type(moment) is datetime``.
"""

from __future__ import annotations

import datetime as dt
from types import BuiltinMethodType, ModuleType
from typing import Any, Final

from greenroom.clock import EPOCH_NS
from greenroom.task import current_task

real_module: Final = dt
RealDate: Final = dt.date
RealDatetime: Final = dt.datetime
_START: Final = RealDatetime(1970, 1, 1, tzinfo=dt.UTC)


def _stands(kind: type) -> bool:
    return "greenroom_stands_in" in vars(kind)


class _StandsFor(type):
    """The class of the two: their instances are those of the real class."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.__base__) if _stands(cls) else type.__instancecheck__(cls, instance)  # type: ignore[arg-type]

    def __subclasscheck__(cls, subclass: type) -> bool:
        if not _stands(cls):
            return type.__subclasscheck__(cls, subclass)
        return issubclass(subclass.__base__ if _stands(subclass) else subclass, cls.__base__)  # type: ignore[arg-type]

    def __eq__(cls, other: object) -> bool:
        return cls is other or (_stands(cls) and cls.__base__ is other)

    def __hash__(cls) -> int:
        return hash(cls.__base__) if _stands(cls) else type.__hash__(cls)


def _now() -> dt.datetime | None:
    """The stage's instant, or None outside every task."""
    task = current_task()
    if task is None:
        return None
    return _START + dt.timedelta(microseconds=(task.scheduler.clock.now_ns + EPOCH_NS) // 1000)


class Datetime(dt.datetime, metaclass=_StandsFor):
    """Stands in for ``datetime.datetime``."""

    greenroom_stands_in = True

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return RealDatetime(*args, **kwargs) if cls is Datetime else RealDatetime.__new__(cls, *args, **kwargs)

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Any:
        now = _now()
        if now is None:
            return _as(cls, RealDatetime.now(tz))
        return _as(cls, now.astimezone(tz) if tz is not None else now.astimezone().replace(tzinfo=None))

    @classmethod
    def utcnow(cls) -> Any:
        return _as(cls, (_now() or RealDatetime.now(dt.UTC)).replace(tzinfo=None))

    @classmethod
    def today(cls) -> Any:
        return cls.now()


class Date(dt.date, metaclass=_StandsFor):
    """Stands in for ``datetime.date``."""

    greenroom_stands_in = True

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return RealDate(*args, **kwargs) if cls is Date else RealDate.__new__(cls, *args, **kwargs)

    @classmethod
    def today(cls) -> Any:
        today = Datetime.now().date()
        return today if cls is Date else cls(today.year, today.month, today.day)


def _as(cls: type, moment: dt.datetime) -> Any:
    if cls is Datetime:
        return moment
    fields = (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, moment.microsecond, moment.tzinfo)
    return cls(*fields, fold=moment.fold)


class _Module(ModuleType):
    """Stands in for the module."""

    datetime = Datetime
    date = Date

    def __getattr__(self, name: str) -> Any:
        return getattr(dt, name)

    def __dir__(self) -> list[str]:
        return dir(dt)


module: Final = _Module("datetime", dt.__doc__)
PAIRS: Final[list[tuple[Any, Any]]] = [(dt, module), (RealDatetime, Datetime), (RealDate, Date)]


def stand_in_of_method(value: Any) -> Any:
    """What stands in for ``datetime.now`` and the like where it is kept by itself (``default_factory=datetime.now``), or None."""
    if type(value) is not BuiltinMethodType or value.__name__ not in ("now", "utcnow", "today"):
        return None
    if value.__self__ is RealDatetime:
        return getattr(Datetime, value.__name__)
    return Date.today if value.__self__ is RealDate else None
