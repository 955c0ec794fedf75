"""Which rule of a machine comes next, drawn with a single choice, so that a step stays narrow enough for Hypothesis to delete it.

Hypothesis switches some rules off in each example (swarm testing: Groce et al., "Swarm Testing", ISSTA 2012), and draws again where a
rule is off or its precondition does not hold. Each of these draws stays in the example: a step may come to more than ten choices, and
Hypothesis deletes at most five at a time, so such steps are left over when a failure has been shrunk. Here what is switched off is drawn
once for an example, and where a rule cannot be taken the next one that can is, without another draw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable


def narrow(own: Any) -> Any:
    """The strategy that takes the place of ``own``, Hypothesis's for the next rule and its arguments; ``own`` itself where that is unknown.

    What is used of ``own`` is ``rules`` and ``is_valid(rule)``, and of a rule ``arguments`` and ``arguments_strategies``.
    """
    if not (hasattr(own, "rules") and callable(getattr(own, "is_valid", None))):
        return own
    count = len(own.rules)
    # 0 switches nothing off, and so do most bits that are 0: both shrink towards a machine with all its rules.
    switches = st.shared(st.tuples(st.integers(0, 2), st.integers(0, 2**count - 1)), key=("greenroom: rules that are off", id(own)))
    return _chosen(own.rules, own.is_valid, switches, st.integers(0, count - 1))


@st.composite
def _chosen(
    draw: st.DrawFn,
    rules: list[Any],
    is_valid: Callable[[Any], bool],
    switches: st.SearchStrategy[tuple[int, int]],
    first: st.SearchStrategy[int],
) -> tuple[Any, dict[str, Any]]:
    level, bits = draw(switches)
    off = (0, bits & (bits >> 1), bits)[level]
    start = draw(first)
    order = [(start + offset) % len(rules) for offset in range(len(rules))]
    possible = [number for number in order if is_valid(rules[number])]
    number = next((number for number in possible if not off >> number & 1), possible[0] if possible else start)
    rule = rules[number]
    strategies = getattr(rule, "arguments_strategies", rule.arguments)
    return rule, {name: draw(strategy) for name, strategy in strategies.items()}
