"""The operations of a history as intervals in real time, one column per client, and the legal order that was found of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenroom.render.intervals import answer_text, call_text
from greenroom.render.markup import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from greenroom.history import History, Operation


def operations_view(
    history: History, *, claim: str = "", reason: str = "", legal: Sequence[Operation] = (), refused: Sequence[tuple[Operation, str]] = ()
) -> str:
    """The view of the operations; empty where none was ever invoked.

    Args:
        history: its ``operations`` are shown, from their invocation to their answer.
        claim: what a checker says should hold of them.
        reason: why it does not.
        legal: the longest legal order that it found.
        refused: what could have come next, and why it could not.
    """
    operations = [operation for operation in history.operations if operation.invoked is not None]
    if not operations:
        return ""
    clients = list(dict.fromkeys(operation.client for operation in operations))
    moments = sorted({stamp for operation in operations for stamp in (operation.invoked, operation.answered) if stamp is not None})
    rows = {stamp: row for row, stamp in enumerate(moments, 2)}
    places = {_key(operation): place for place, operation in enumerate(legal, 1)}
    reasons = {_key(operation): why for operation, why in refused}
    calls = {(event.target, event.number): number for number, event in enumerate(history.events, 1) if event.kind == "call"}
    heads = "".join(f'<li class="client" style="grid-column:{column};grid-row:1">{shown(name)}' for column, name in enumerate(clients, 1))
    boxes = []
    for operation in operations:
        assert operation.invoked is not None
        end = len(moments) + 2 if operation.answered is None else rows[operation.answered] + 1
        where = f"grid-column:{clients.index(operation.client) + 1};grid-row:{rows[operation.invoked]}/{end}"
        names = (operation.name, f"{operation.client}.{operation.name}")  # of a client that is a task, and of one that a task has
        step = next((calls[name, operation.serial] for name in names if (name, operation.serial) in calls), None)
        boxes.append(_box(operation, where, places.get(_key(operation)), reasons.get(_key(operation)), step))
    grid = f'<ol class="intervals" style="--clients:{len(clients)}">{heads}{"".join(boxes)}</ol>'
    wide = f'<div class="wide">{grid}</div>'
    return f'<div class="operations">{_told(claim, reason)}<div class="grid-and-order">{wide}{_order(legal, refused)}</div></div>'


def _key(operation: Operation) -> tuple[str, int]:
    return operation.client, operation.serial


def _told(claim: str, reason: str) -> str:
    words = f'<p class="claim">{shown(claim)}</p>' if claim else ""
    words += f'<p class="reason">{shown(reason)}</p>' if reason else ""
    note = (
        "Time runs down the page. Boxes side by side overlap in time, and may take effect in either order; a box above another came before."
    )
    return f'{words}<p class="note">{note}</p>'


def _box(operation: Operation, where: str, place: int | None, why: str | None, step: int | None) -> str:
    kinds = [
        "operation",
        *(["legal"] if place else []),
        *(["refused"] if why is not None else []),
        *([] if operation.done else ["pending"]),
    ]
    badge = f'<b class="place" title="number {place} of the legal order">{place}</b>' if place else ""
    call = f"#{operation.serial} {call_text(operation)}"
    named = f'<a href="#view=chart&amp;step={step}">{shown(call)}</a>' if step else shown(call)
    reason = f'<p class="why">✗ {shown(why)}</p>' if why is not None else ""
    return f'<li class="{" ".join(kinds)}" style="{where}"><p>{badge}{named}</p><p class="gave">{_outcome(operation)}</p>{reason}'


def _outcome(operation: Operation) -> str:
    if not operation.done:
        return "no answer: it may have taken effect, or not"
    return shown(answer_text(operation))


def _order(legal: Iterable[Operation], refused: Iterable[tuple[Operation, str]]) -> str:
    order = "".join(f"<li>{_line(operation)}" for operation in legal)
    stopped = "".join(f'<li>{_line(operation)} <span class="why">{shown(why)}</span>' for operation, why in refused)
    parts = f"<h3>The longest legal order that was found</h3><ol>{order}</ol>" if order else ""
    parts += f'<h3>None of these can come next</h3><ul class="refusals">{stopped}</ul>' if stopped else ""
    return f'<div class="order">{parts}</div>' if parts else ""


def _line(operation: Operation) -> str:
    return f"<b>{shown(operation.client)}</b> {shown(f'#{operation.serial} {call_text(operation)} {answer_text(operation)}')}"
