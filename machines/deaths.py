"""Deaths that nobody asked for: a supervisor makes them good, and so nothing else would show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import greenroom


def only_wanted_deaths(machine: greenroom.ActorMachine) -> None:
    """No actor has died but of what the machine made it raise. On a stage only.

    Raises:
        AssertionError: one has.
    """
    if machine.on_threads:
        return
    for task in machine.stage.tasks:
        wanted = task.died_of is None or machine._died_of_fault(task)  # noqa: SLF001 - what the claim about unseen deaths asks
        assert wanted, f"{task.name} died of {task.died_of!r}, which nobody had made it raise"
