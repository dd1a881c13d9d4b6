"""New takes from one that is there: variations, forks of shared takes, and others in place of a refused one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, func, select

from scanner import generations, people, take_nodes
from scanner.callers import Caller
from scanner.declarations import DeclarationError
from scanner.delivery import OUT
from scanner.errors import ForbiddenError, IllegalTransitionError, NotFoundError
from scanner.people_states import GenerationState
from scanner.tables import Account, Generation, Take, Track
from scanner.track_states import State
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

MOST_AT_ONCE: Final = 4
SEEDS: Final = 2**53
REFUSED: Final = frozenset({State.BLOCKED, State.QUARANTINED})


@dataclass(frozen=True)
class VariationAsked:
    """What is to be made of a take.

    Parameters
    ----------
    account : str, optional
        For whom; the take's own if not given. Somebody else's shared take is forked.
    locked : tuple of str
        Stems that stay, to the sample before mastering and marking.
    locked_bars : tuple of int
        Bars, from 1, whose notes stay in every stem.
    amount : float
        Share of the rest that is made anew.
    count : int
        How many, side by side.
    """

    account: str | None = None
    locked: tuple[str, ...] = ()
    locked_bars: tuple[int, ...] = ()
    amount: float = 1.0
    count: int = 1
    seed: int | None = None
    stems: bool | None = None


def vary(
    service: "Service", caller: Caller, take_id: str, asked: VariationAsked
) -> list[dict[str, Any]]:
    """Ask for variations of a take, all or none; return the generations and what became of them.

    Raises
    ------
    NotFoundError
        If there is no such take for the caller.
    ForbiddenError
        If the account neither works on the project nor is the take shared.
    DeclarationError
        If a stem or bar is locked that is not there, or everything is.
    """
    with service.database.reading() as session:
        parent = take_nodes.find(session, caller, take_id)
        _check(session, parent, asked)
        account = _account_of(session, caller, parent, asked.account)
        _require(session, parent, account)
        before = session.get_one(Generation, parent.generation_id)
    parameters: dict[str, Any] = {
        "parent": parent.id,
        "engine": parent.engine,
        "locked": sorted(set(asked.locked)),
        "locked_bars": sorted(set(asked.locked_bars)),
        "amount": asked.amount,
        "stems": before.parameters.get("stems", False) if asked.stems is None else asked.stems,
    }
    name = account.external_id if account else None
    own = before.account_id == (account.id if account else None)
    wanted = [
        generations.GenerationAsked(
            before.prompt,
            name,
            parameters | _seed(asked.seed, number),
            checked=True,
            melody_sha256=before.melody_sha256
            if own
            else None,  # a fork has it in its parent's plan
        )
        for number in range(asked.count)
    ]
    return generations.request_all(service, caller, wanted)


def away(service: "Service", caller: Caller, generation_id: str) -> dict[str, Any]:
    """Ask anew for what was refused because of what it resembles, with another seed.

    Raises
    ------
    IllegalTransitionError
        If the take was not refused, or as many were tried as `generation_tries` says.
    """
    with service.database.reading() as session:
        row = generations.find(session, caller.tenant_id, generation_id)
        if caller.account_id not in (None, row.account_id):
            raise NotFoundError("generation", "of this id")
        people.require_own_name(caller, row.account_id)
        account = session.get(Account, row.account_id) if row.account_id else None
        if not is_refused(session, row):
            raise IllegalTransitionError("only a refused take is made anew away from something")
    tried = row.parameters.get("away_from", [])
    parameters = {name: value for name, value in row.parameters.items() if name != "seed"}
    parameters["away_from"] = [*tried, row.id]
    asked = generations.GenerationAsked(
        row.prompt,
        account.external_id if account else None,
        parameters,
        checked=True,
        melody_sha256=row.melody_sha256,
    )

    def require(session: Session) -> None:
        if row.account_id is None:  # what is locked instead of an account
            session.get(Generation, _first(row), with_for_update=True)
        if tries_left(service, session, row) == 0:
            raise IllegalTransitionError(
                Told(
                    "%(generation_tries)s takes were made away from it already: ask for "
                    "something else",
                    generation_tries=service.settings.generation_tries,
                )
            )

    return generations.request_all(service, caller, [asked], require)[0]


def is_refused(session: Session, row: Generation) -> bool:
    """Whether a take was made and does not go out because of what is in it."""
    if row.state == GenerationState.REFUSED:
        return any(reason["rule"] == generations.TRAINING_PIECE for reason in row.reasons)
    track = session.get(Track, row.track_id) if row.track_id else None
    return track is not None and track.state in REFUSED


def tries_left(service: "Service", session: Session, row: Generation) -> int:
    """Return how many takes may still be made away from a refused one, and from all that came of it."""
    line = col(Generation.parameters)["away_from"][0].as_string() == _first(row)
    own = (Generation.tenant_id == row.tenant_id, col(Generation.account_id) == row.account_id)
    if row.account_id is None:
        own = (own[0], col(Generation.account_id).is_(None))
    made = session.exec(select(func.count()).select_from(Generation).where(*own, line)).one()
    return max(0, service.settings.generation_tries - made)


def _first(row: Generation) -> str:
    """Return the generation that a line of takes made away from something began with."""
    return str(next(iter(row.parameters.get("away_from", [])), row.id))


def is_cleared(track: Track) -> bool:
    """Whether a track is released and nothing limits it."""
    return track.state in OUT and track.state == State.RELEASED


def _check(session: Session, parent: Take, asked: VariationAsked) -> None:
    names = [stem.name for stem in take_nodes.stems_of(session, parent.id)]
    wrong: list[dict[str, str]] = []
    if missing := sorted(set(asked.locked) - set(names)):
        told = Told(
            "%(missing)s: the take's stems are %(names)s",
            missing=", ".join(missing),
            names=", ".join(names),
        )
        wrong.append({"field": "locked", "detail": told})
    elif set(asked.locked) == set(names):
        wrong.append({"field": "locked", "detail": "leave one stem free to be made anew"})
    bars = set(asked.locked_bars)
    if any(not 1 <= bar <= parent.bars for bar in bars):
        wrong.append(
            {
                "field": "locked_bars",
                "detail": Told("the take has bars 1 to %(bars)s", bars=parent.bars),
            }
        )
    elif len(bars) == parent.bars:
        wrong.append({"field": "locked_bars", "detail": "leave one bar free to be made anew"})
    if wrong:
        raise DeclarationError(wrong)


def _account_of(session: Session, caller: Caller, parent: Take, name: str | None) -> Account | None:
    """Return for whom a variation is: a creator's link speaks for that creator alone."""
    if caller.account_id is not None:
        own = session.get_one(Account, caller.account_id)
        if name is not None and name != own.external_id:
            raise ForbiddenError("you ask for yourself only")
        return own
    if caller.user_id is not None and name is None:  # of the staff: for the platform itself
        return None
    if name is not None:
        return people.find(session, caller.tenant_id, name)
    return session.get(Account, parent.account_id) if parent.account_id else None


def _require(session: Session, parent: Take, account: Account | None) -> None:
    account_id = account.id if account else None
    mine = parent.account_id == account_id
    if not (
        mine
        or take_nodes.is_shared(session, parent)
        or take_nodes.works_on(session, parent.project_id, account_id)
    ):
        raise ForbiddenError(
            "the take is somebody else's and not shared: its maker can share it, or let the account "
            "work on the project"
        )


def _seed(seed: int | None, number: int) -> dict[str, int]:
    return {} if seed is None else {"seed": (seed + number) % SEEDS}
