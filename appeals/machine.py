"""State machines as tables: who may move a matter from where to where, with what, and what follows.

:func:`Machine.advance` is the one way a matter moves: single, bulk and replayed commands all take it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from appeals.deadlines import Window
from appeals.errors import IllegalTransitionError, MissingPartError, NotAllowedError
from appeals.roles import Actor, Role


@dataclass(frozen=True, slots=True)
class Matter:
    """What a machine must know of a case, notice, claim, dispute, appeal or strike.

    Attributes
    ----------
    state : str
    since : datetime
        When it came into this state.
    opens_at, due_at : datetime, optional
        The window in which the next move may and must come.
    holder : str, optional
        Id of whoever holds it now.
    deciders : frozenset of str
        Ids of all who decided it, or what it is about, before.
    left : timedelta, optional
        What was left of its time when its clock was stopped.
    appointed : str, optional
        Id of whoever may take it although they decided before: of a case alone, never of an appeal.
    passed_up : bool
        A case was passed up: only an appeals officer takes it from now on.
    """

    state: str
    since: datetime
    opens_at: datetime | None = None
    due_at: datetime | None = None
    holder: str | None = None
    deciders: frozenset[str] = frozenset()
    left: timedelta | None = None
    appointed: str | None = None
    passed_up: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody wants done.

    Attributes
    ----------
    action : str
    actor : Actor
    parts : mapping
        What it comes with: a reason, a verdict, evidence.
    """

    action: str
    actor: Actor
    parts: Mapping[str, Any] = field(default_factory=dict)


Guard = Callable[[Matter, Command, datetime], str | None]
"""Says what stands against a move; None if nothing does."""


@dataclass(frozen=True, slots=True)
class Move:
    """One legal move, or one from several states.

    Attributes
    ----------
    sources : sequence of str
    target : str
    who : set of Role
    needs : tuple of str
        Parts that the command must come with.
    guards : tuple of callable
        What else must hold.
    deadline : str, optional
        Rule of :mod:`appeals.deadlines` by which the next move must come.
    lasts : timedelta, optional
        The same for a span that no law sets.
    holder : {"nobody", "actor", "same"}
        Who holds the matter from now on.
    same_time : bool
        What was due stays due.
    clock : {"stops", "goes on"}, optional
        Its clock stops, or goes on for what was left of it.
    decides : bool
        The actor is one who decided it.
    legal_basis : tuple of str
        Ids of the rules of law that it keeps.
    """

    action: str
    sources: Sequence[str]
    target: str
    who: Collection[Role]
    needs: tuple[str, ...] = ()
    guards: tuple[Guard, ...] = ()
    deadline: str | None = None
    lasts: timedelta | None = None
    holder: Literal["nobody", "actor", "same"] = "nobody"
    same_time: bool = False
    clock: Literal["stops", "goes on"] | None = None
    decides: bool = False
    legal_basis: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """What a move did.

    Attributes
    ----------
    matter : Matter
        As it is now; a window that a rule of law sets is filled in by who knows the zone.
    emits : str
        Type of the event, such as ``dispute.upheld``.
    deadline : str, optional
        Rule by which the next move must come.
    """

    matter: Matter
    emits: str
    deadline: str | None

    def within(self, window: Window) -> "Step":
        """Return the step with the window of its deadline."""
        matter = replace(self.matter, opens_at=window.opens_at, due_at=window.due_at)
        return replace(self, matter=matter)


@dataclass(frozen=True)
class Machine:
    """A kind of matter, with all its legal moves.

    Attributes
    ----------
    name : str
    states : type of StrEnum
    initial : str
    moves : tuple of Move
    deadline : str, optional
        Rule by which a new matter must move.
    """

    name: str
    states: type[StrEnum]
    initial: str
    moves: tuple[Move, ...]
    deadline: str | None = None

    @property
    def final(self) -> frozenset[str]:
        """States that nothing leads out of."""
        return frozenset(self.states) - {source for move in self.moves for source in move.sources}

    def allowed(self, state: str, role: Role | None = None) -> list[str]:
        """Return the actions that a state allows, to one role or to anybody, sorted."""
        return sorted(
            {
                move.action
                for move in self.moves
                if state in move.sources and (role is None or role in move.who)
            }
        )

    def opened(self, now: datetime, deciders: frozenset[str] = frozenset()) -> Step:
        """Return a new matter; ``deciders`` are those who decided what it is about."""
        matter = Matter(self.initial, now, deciders=deciders)
        return Step(matter, f"{self.name}.{self.initial}", self.deadline)

    def advance(self, matter: Matter, command: Command, now: datetime) -> Step:
        """Make a move.

        Raises
        ------
        IllegalTransitionError
            If the matter's state has no such move, or something stands against it now.
        NotAllowedError
            If it is not for this actor to make.
        MissingPartError
            If the command lacks something that the move needs.
        """
        moves = [
            move
            for move in self.moves
            if move.action == command.action and matter.state in move.sources
        ]
        if not moves:
            raise IllegalTransitionError(
                f"can't {command.action} a {self.name} that is {matter.state}; "
                f"allowed: {', '.join(self.allowed(matter.state)) or 'nothing'}"
            )
        move = next((each for each in moves if command.actor.role in each.who), None)
        if move is None:
            roles = sorted({role for each in moves for role in each.who})
            raise NotAllowedError(
                f"it is not for a {command.actor.role} to {command.action} a {self.name}, "
                f"but for: {', '.join(roles)}"
            )
        missing = [name for name in move.needs if not command.parts.get(name)]
        if missing:
            raise MissingPartError(f"to {command.action} a {self.name}, give: {', '.join(missing)}")
        for guard in move.guards:
            against = guard(matter, command, now)
            if against is not None:
                raise IllegalTransitionError(f"can't {command.action} this {self.name}: {against}")
        return Step(_moved(matter, move, command, now), f"{self.name}.{move.target}", move.deadline)


def _moved(matter: Matter, move: Move, command: Command, now: datetime) -> Matter:
    holders = {"nobody": None, "actor": command.actor.id, "same": matter.holder}
    moved = replace(
        matter,
        state=move.target,
        since=now,
        holder=holders[move.holder],
        deciders=matter.deciders | ({command.actor.id} if move.decides else set()),
    )
    if move.same_time:
        return moved
    if move.clock == "stops":
        left = None if matter.due_at is None else max(matter.due_at - now, timedelta(0))
        return replace(moved, opens_at=None, due_at=None, left=left)
    if move.clock == "goes on":
        due_at = None if matter.left is None else now + matter.left
        return replace(moved, opens_at=None, due_at=due_at, left=None)
    moved = replace(moved, left=None)
    return replace(moved, opens_at=None, due_at=None if move.lasts is None else now + move.lasts)


# Guards


def by_holder(matter: Matter, command: Command, _now: datetime) -> str | None:
    """Only whoever holds it."""
    return None if matter.holder == command.actor.id else "somebody else holds it"


def by_nobody_before(matter: Matter, command: Command, _now: datetime) -> str | None:
    """Never somebody who decided before (DSA-20)."""
    return "you decided on it before" if command.actor.id in matter.deciders else None


def when_due(matter: Matter, _command: Command, now: datetime) -> str | None:
    """Not before its time is over."""
    if matter.due_at is None:
        return "nothing is due"
    return None if now >= matter.due_at else f"its time is not over before {matter.due_at:%Y-%m-%d}"


def before_due(matter: Matter, _command: Command, now: datetime) -> str | None:
    """Not after its time is over."""
    late = matter.due_at is not None and now >= matter.due_at
    return "its time is over" if late else None


def when_open(matter: Matter, _command: Command, now: datetime) -> str | None:
    """Not before its window opens."""
    if matter.opens_at is None:
        return "its window is not set"
    return None if now >= matter.opens_at else f"its window opens on {matter.opens_at:%Y-%m-%d}"
