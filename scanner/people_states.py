"""The states of age assurances, consents, generations and invitations, and the moves between them, as tables."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar

from scanner.errors import IllegalTransitionError
from scanner.wording import Told


class AgeState(StrEnum):
    ASSURED = "assured"
    PURGED = "purged"


class AgeMove(StrEnum):
    PURGE = "purge"  # expired, or replaced by the same issuer's: the band is forgotten


class ConsentState(StrEnum):
    REQUESTED = "requested"
    GRANTED = "granted"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class ConsentMove(StrEnum):
    GRANT = "grant"
    WITHDRAW = "withdraw"  # before it was granted: the parent says no
    EXPIRE = "expire"


class GenerationState(StrEnum):
    REQUESTED = "requested"
    REFUSED = "refused"
    WAITING_CONSENT = "waiting_consent"
    QUEUED = "queued"
    MADE = "made"
    """Its track is on record and goes the way of every upload."""
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


class GenerationMove(StrEnum):
    REFUSE = "refuse"
    WAIT = "wait"
    QUEUE = "queue"
    MAKE = "make"
    FAIL = "fail"
    WITHDRAW = "withdraw"


class InvitationState(StrEnum):
    INVITED = "invited"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    """For good: the same project asks no more."""
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    ENDED = "ended"
    """Accepted once, and works on the project no more."""


class InvitationMove(StrEnum):
    ACCEPT = "accept"
    DECLINE = "decline"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"
    END = "end"


AGE_MOVES: Final[Mapping[tuple[AgeState, AgeMove], AgeState]] = {
    (AgeState.ASSURED, AgeMove.PURGE): AgeState.PURGED,
}
CONSENT_MOVES: Final[Mapping[tuple[ConsentState, ConsentMove], ConsentState]] = {
    (ConsentState.REQUESTED, ConsentMove.GRANT): ConsentState.GRANTED,
    (ConsentState.REQUESTED, ConsentMove.WITHDRAW): ConsentState.WITHDRAWN,
    (ConsentState.REQUESTED, ConsentMove.EXPIRE): ConsentState.EXPIRED,
    (ConsentState.GRANTED, ConsentMove.WITHDRAW): ConsentState.WITHDRAWN,
    (ConsentState.GRANTED, ConsentMove.EXPIRE): ConsentState.EXPIRED,
}
GENERATION_MOVES: Final[Mapping[tuple[GenerationState, GenerationMove], GenerationState]] = {
    (GenerationState.REQUESTED, GenerationMove.REFUSE): GenerationState.REFUSED,
    (GenerationState.REQUESTED, GenerationMove.WAIT): GenerationState.WAITING_CONSENT,
    (GenerationState.REQUESTED, GenerationMove.QUEUE): GenerationState.QUEUED,
    (GenerationState.WAITING_CONSENT, GenerationMove.REFUSE): GenerationState.REFUSED,
    (GenerationState.WAITING_CONSENT, GenerationMove.QUEUE): GenerationState.QUEUED,
    (GenerationState.WAITING_CONSENT, GenerationMove.WITHDRAW): GenerationState.WITHDRAWN,
    (GenerationState.QUEUED, GenerationMove.MAKE): GenerationState.MADE,
    (GenerationState.QUEUED, GenerationMove.FAIL): GenerationState.FAILED,
    (GenerationState.QUEUED, GenerationMove.REFUSE): GenerationState.REFUSED,
    (GenerationState.QUEUED, GenerationMove.WITHDRAW): GenerationState.WITHDRAWN,
}

INVITATION_MOVES: Final[Mapping[tuple[InvitationState, InvitationMove], InvitationState]] = {
    (InvitationState.INVITED, InvitationMove.ACCEPT): InvitationState.ACCEPTED,
    (InvitationState.INVITED, InvitationMove.DECLINE): InvitationState.DECLINED,
    (InvitationState.INVITED, InvitationMove.WITHDRAW): InvitationState.WITHDRAWN,
    (InvitationState.INVITED, InvitationMove.EXPIRE): InvitationState.EXPIRED,
    (InvitationState.ACCEPTED, InvitationMove.END): InvitationState.ENDED,
}

State = TypeVar("State", bound=StrEnum)
Move = TypeVar("Move", bound=StrEnum)


def advance(
    moves: Mapping[tuple[State, Move], State], state: State, move: Move, what: str
) -> State:
    """Return the state that ``move`` leads to.

    Parameters
    ----------
    what : str
        The thing that is moved, with its article, for the message.

    Raises
    ------
    IllegalTransitionError
        Naming the moves that the state does accept.
    """
    try:
        return moves[state, move]
    except KeyError:
        allowed = sorted(known for (at, known) in moves if at is state)
        raise IllegalTransitionError(
            Told(
                "cannot %(move)s %(what)s that is %(state)s; allowed: %(allowed)s",
                move=move,
                what=what,
                state=state,
                allowed=", ".join(allowed) or "nothing",
            )
        ) from None
