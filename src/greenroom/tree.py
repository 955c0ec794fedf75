"""The tree of decisions that an exhaustive search has met: which branches are finished, and which are still to be taken.

A node is a decision of some execution. Its branches are added as races ask for them, and a finished subtree is forgotten, so that the
tree is never larger than the paths to what is left. A tree can hand out a branch to another process, and be written down and read back.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from greenroom.dependence import Footprint, Path
    from greenroom.policies.dpor import Dpor, Move, Sleep

State = Literal["waiting", "running", "done"]


class Branch:
    """One way to go on from a node. ``footprint`` is that of its first step; None until that has been taken."""

    __slots__ = ("child", "footprint", "state")

    def __init__(self, state: State, footprint: Footprint | None = None) -> None:
        self.state: State = state
        self.footprint = footprint
        self.child: Node | None = None


class Node:
    """A decision: among ``options`` (paths of tasks), or of one of so many values. ``sleep`` is who need not be tried here."""

    __slots__ = ("branches", "depth", "options", "parent", "sleep", "via")

    def __init__(self, parent: Node | None, via: Move, depth: int, options: tuple[Path, ...] | int, sleep: Sleep) -> None:
        self.parent = parent
        self.via = via
        self.depth = depth
        self.options = options
        self.sleep = sleep
        self.branches: dict[Move, Branch] = {}

    @property
    def width(self) -> int:
        """How many options there are."""
        return self.options if isinstance(self.options, int) else len(self.options)


@dataclass(slots=True)
class Lease:
    """A branch that somebody takes: the moves that lead behind it, what could be chosen at each, and who is asleep there."""

    moves: list[Move]
    options: list[tuple[Path, ...] | int]
    sleep: Sleep
    node: Node | None


Outer = tuple[int, tuple["Path", ...]]  # a race with a decision above the tree: its number, and who can begin the other order


class Tree:
    """What is known of the executions behind ``lease``, or of all of them."""

    def __init__(self, lease: Lease | None = None) -> None:
        self.root = lease or Lease([], [], {}, None)
        self.outer: list[Outer] = []
        self.footprint: Footprint = frozenset()
        self.fallbacks = 0
        self._top: Node | None = None
        self._begun = False
        self._running = 0
        self._waiting: list[tuple[int, int, Node, Move]] = []
        self._serial = 0
        self._shape: dict[int, tuple[int, int]] = {}  # by options: how many nodes are finished, and how many branches they had

    @property
    def finished(self) -> bool:
        """Whether nothing is left, and nobody is at work."""
        return self._begun and not self._waiting and not self._running

    @property
    def waiting(self) -> int:
        """How many branches are known that nobody has taken yet."""
        return len(self._waiting) if self._begun else 1

    def take(self) -> Lease | None:
        """The deepest branch that is left, or None; who takes it gives it back by ``absorb`` or ``graft``."""
        if not self._begun:
            self._begun = True
            self._running = 1
            return self.root
        found = self._next_waiting()
        if found is None:
            return None
        node, move = found
        sleep = dict(node.sleep)
        for known, branch in node.branches.items():
            if branch.footprint is not None and isinstance(known, tuple):
                sleep[known] = branch.footprint
        node.branches[move].state = "running"
        self._running += 1
        nodes = self._path(node)
        moves = [*self.root.moves, *(below.via for below in nodes[1:]), move]
        return Lease(moves, [*self.root.options, *(known.options for known in nodes)], sleep, node)

    def absorb(self, lease: Lease, execution: Dpor) -> None:
        """Add what an execution behind ``lease`` has met."""
        self._running -= 1
        nodes = self._path(lease.node) if lease.node is not None else []
        node, move = lease.node, lease.moves[-1] if lease.moves else 0
        if execution.repeated:
            self._learn(nodes, execution)
        for decision in execution.decisions:
            fresh = Node(node, move, len(self.root.moves) + len(nodes), decision.options or decision.count, decision.sleep)
            if node is None:
                self._top = fresh
            else:
                node.branches[move].child = fresh
            fresh.branches[decision.move] = Branch("running", decision.footprint)
            if decision.count:
                for value in range(1, decision.count):
                    self._add(fresh, value)
            nodes.append(fresh)
            node, move = fresh, decision.move
        self._insert_races(nodes, ((race.step.decision, race.initials) for race in execution.trace.races))
        if node is not None:
            self._done(node, move)

    def _learn(self, nodes: list[Node], execution: Dpor) -> None:
        """What the step of the taken branch touched; a value that was chosen within a step may have made it touch more."""
        step = execution.repeated[-1]
        depth = step.decision - len(self.root.moves)
        if depth >= 0:
            node = nodes[depth]
            branch = node.branches[step.path]
            branch.footprint = (branch.footprint or frozenset()) | step.footprint
        elif step.decision == len(self.root.moves) - 1:
            self.footprint |= step.footprint

    def graft(self, lease: Lease, footprint: Footprint, outer: Iterable[Outer], rest: dict[str, Any] | None) -> None:
        """Add what another tree, made from ``lease``, has left: its ``dump()``, or None if it is finished."""
        self._running -= 1
        node, move = lease.node, lease.moves[-1] if lease.moves else 0
        if node is not None:
            branch = node.branches[move]
            branch.footprint = (branch.footprint or frozenset()) | footprint
            self._insert_races(self._path(node), outer)
        if rest is not None:
            self._load(rest, node, move)
        elif node is not None:
            self._done(node, move)

    def give_back(self, lease: Lease) -> None:
        """Nobody has taken ``lease`` after all."""
        self._running -= 1
        if lease.node is None:
            self._begun = False
        else:
            move = lease.moves[-1]
            lease.node.branches[move].state = "waiting"
            self._push(lease.node, move)

    def finished_share(self) -> float:
        """How much of the tree is finished, as far as it is known: every branch of a node counts the same (Knuth, 1975).

        Branches that no race has asked for yet are unknown, so this is too high rather than too low.
        """
        if not self._begun:
            return 0.0
        done = 0.0
        stack = [(self._top, 1.0)] if self._top is not None else []
        while stack:
            node, share = stack.pop()
            share /= self._expected(node)
            for branch in node.branches.values():
                if branch.state == "done":
                    done += share
                elif branch.child is not None:
                    stack.append((branch.child, share))
        return 1.0 if self.finished else done

    def _expected(self, node: Node) -> float:
        """How many branches the node will have: as many as finished ones with as many options had on the average, but no fewer than now."""
        nodes, branches = self._shape.get(node.width, (0, 0))
        return max(len(node.branches), branches / nodes if nodes else 1.0)

    # -- inside ---------------------------------------------------------------------------------------------------

    @staticmethod
    def _path(node: Node | None) -> list[Node]:
        path = []
        while node is not None:
            path.append(node)
            node = node.parent
        path.reverse()
        return path

    def _next_waiting(self) -> tuple[Node, Move] | None:
        """The deepest branch that can be taken: of those beside it that are at work it must be known what they touch first."""
        too_early = []
        found = None
        while self._waiting and found is None:
            entry = heappop(self._waiting)
            _, _, node, move = entry
            if any(branch.state == "running" and branch.footprint is None for branch in node.branches.values()):
                too_early.append(entry)
            else:
                found = node, move
        for entry in too_early:
            heappush(self._waiting, entry)
        return found

    def _insert_races(self, nodes: list[Node], races: Iterable[Outer]) -> None:
        above = len(self.root.moves)
        for decision, initials in races:
            if decision < above:
                self.outer.append((decision, initials))
            else:
                self._insert(nodes[decision - above], initials)

    def _insert(self, node: Node, initials: Sequence[Path]) -> None:
        if not initials:
            self.fallbacks += 1
            assert isinstance(node.options, tuple)
            for path in node.options:
                if path not in node.branches and path not in node.sleep:
                    self._add(node, path)
        elif not any(path in node.branches or path in node.sleep for path in initials):
            self._add(node, initials[0])

    def _add(self, node: Node, move: Move) -> None:
        node.branches[move] = Branch("waiting")
        self._push(node, move)

    def _push(self, node: Node, move: Move) -> None:
        self._serial += 1
        heappush(self._waiting, (-node.depth, self._serial, node, move))

    def _done(self, node: Node, move: Move) -> None:
        """``move`` is finished, and with it perhaps the nodes above."""
        above: Node | None = node
        while above is not None:
            branch = above.branches[move]
            branch.state = "done"
            branch.child = None
            if any(known.state != "done" for known in above.branches.values()):
                return
            nodes, branches = self._shape.get(above.width, (0, 0))
            self._shape[above.width] = nodes + 1, branches + len(above.branches)
            move, above = above.via, above.parent
        self._top = None

    def _nodes(self) -> Iterator[Node]:
        stack = [self._top] if self._top is not None else []
        while stack:
            node = stack.pop()
            yield node
            stack += [branch.child for branch in node.branches.values() if branch.child is not None]

    # -- written down ---------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """All that is left, in the types of JSON; what somebody is at work on counts as not taken."""
        numbers: dict[int, int] = {}
        nodes: list[Any] = []
        for node in self._nodes():
            numbers[id(node)] = len(nodes)
            branches = [
                [move, "done" if branch.state == "done" else "open" if branch.child is not None else "waiting", _written(branch.footprint)]
                for move, branch in node.branches.items()
            ]
            parent = -1 if node.parent is None or id(node.parent) not in numbers else numbers[id(node.parent)]
            nodes.append(
                [parent, node.via, node.depth, node.options, [[path, _written(asleep)] for path, asleep in node.sleep.items()], branches]
            )
        return {"begun": self._begun and not (self._running and not nodes), "nodes": nodes}

    def load(self, written: dict[str, Any]) -> None:
        """Go on where ``dump`` was made; for a tree that has not begun."""
        if written["begun"]:
            self._begun = True
            self._running = 0
            self._load(written, None, 0)

    def _load(self, written: dict[str, Any], above: Node | None, via: Move) -> None:
        known: list[Node] = []
        for parent, move, depth, options, sleep, branches in written["nodes"]:
            on = known[parent] if parent >= 0 else above
            by = _tuple(move) if parent >= 0 else via
            node = Node(on, by, depth, _tuple(options), {_tuple(path): _footprint(asleep) or frozenset() for path, asleep in sleep})
            if on is None:
                self._top = node
            else:
                on.branches[by].child = node
            for taken, state, footprint in branches:
                key = _tuple(taken)
                node.branches[key] = Branch("running" if state == "open" else state, _footprint(footprint))
                if state == "waiting":
                    self._push(node, key)
            known.append(node)


def _tuple(value: Any) -> Any:
    return tuple(_tuple(part) for part in value) if isinstance(value, list | tuple) else value


def _written(footprint: Footprint | None) -> list[Any] | None:
    return None if footprint is None else sorted(([key, mode] for key, mode in footprint), key=repr)


def _footprint(written: Iterable[Any] | None) -> Footprint | None:
    return None if written is None else frozenset((_tuple(key), mode) for key, mode in written)
