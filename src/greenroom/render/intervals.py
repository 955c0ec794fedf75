"""Operations as intervals of time, one a line, and where every order of them comes to an end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from greenroom.render.columns import columns, fit, pad, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from greenroom.checker import Judgement
    from greenroom.history import Operation

_WIDEST_BARS: Final = 48
_WIDEST_STEP: Final = 4
_MOST_REFUSED: Final = 5
_MOST_IN_ORDER: Final = 16


def intervals(judgement: Judgement, *, width: int = 110, most_lines: int = 20) -> str:
    """The operations that a search over them was about; empty for other judgements, and where an order was found.

    Each line is an operation: its client, the number that it has in the lanes picture as well, a bar from its invocation to its answer
    (``┄`` for one that may still take effect), the call and its answer. Bars that overlap are operations in either order. Below stands
    the longest legal order, and why nothing that could come next is legal.

    Args:
        judgement: what a checker found.
        width: columns that it may take.
        most_lines: lines that it may take, 10 at least; of long orders the end is shown.
    """
    if not judgement.refused:
        return ""
    refused = judgement.refused[:_MOST_REFUSED]
    order = [operation.serial for operation in judgement.prefix]
    room = max(most_lines, 10) - len(refused) - 4
    shown, left_out = _latest(judgement.prefix, [operation for operation, _ in judgement.refused], room)
    lines = [f"… {left_out:,} earlier operations, in a legal order"] if left_out else []
    lines += _bars(shown)
    earlier = "… " if len(order) > _MOST_IN_ORDER else ""
    numbers = " ".join(f"#{serial}" for serial in order[-_MOST_IN_ORDER:])
    lines.append(f"the longest legal order is {earlier}{numbers}; then comes none of" if order else "first comes none of")
    lines += [f"  #{operation.serial} {call_text(operation)}: {reason}" for operation, reason in refused]
    more = len(judgement.refused) - len(refused)
    if more:
        lines.append(f"  … and {more:,} more, none of them legal")
    return "\n".join(fit(f"  {printable(line)}".rstrip(), width) for line in lines)


def call_text(operation: Operation) -> str:
    """An operation's call: the message of an ask or a tell, else its name and arguments."""
    asked = operation.asked or ", ".join(map(repr, operation.arguments))
    return asked if operation.name in ("ask", "tell") else f"{operation.name}({asked})"


def answer_text(operation: Operation) -> str:
    """What became of an operation."""
    if not operation.done:
        return "pending"
    gave = operation.gave or repr(operation.result if operation.error is None else operation.error)
    return f"→ {gave}" if operation.error is None else f"raised {gave}"


def _latest(prefix: Iterable[Operation], refused: Sequence[Operation], room: int) -> tuple[list[Operation], int]:
    """The operations to show, in the order of their beginnings, and how many are left out: the first of the legal order."""
    legal = list(prefix)
    kept = legal[max(0, len(legal) + len(refused) - room) :]
    left_out = len(legal) - len(kept)
    return sorted([*kept, *refused[: max(room, _MOST_REFUSED)]], key=_begins), left_out


def _begins(operation: Operation) -> int:
    return operation.invoked or 0


def _bars(operations: Sequence[Operation]) -> list[str]:
    """One line an operation; moments at which nothing begins or ends take no room."""
    stamps = sorted({stamp for operation in operations for stamp in (operation.invoked, operation.answered) if stamp is not None})
    step = max(1, min(_WIDEST_STEP, _WIDEST_BARS // len(stamps)))
    place = {stamp: number * step for number, stamp in enumerate(stamps)}
    end = len(stamps) * step
    names = max(columns(operation.client) for operation in operations)
    numbers = max(len(str(operation.serial)) for operation in operations)
    rows = []
    for operation in operations:
        first = place[_begins(operation)]
        if operation.answered is None:
            bar = " " * first + "├" + "┄" * (end - first - 1)
        else:
            bar = " " * first + "├" + "─" * (place[operation.answered] - first - 1) + "┤"
        number = f"#{operation.serial}"
        rows.append(
            f"{pad(operation.client, names)} {number:<{numbers + 1}}  {pad(bar, end)}  {call_text(operation)} {answer_text(operation)}"
        )
    return rows
