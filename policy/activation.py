"""The life of a pack: proposed, approved by another person, rehearsed, in force, retired.

A pack's text never changes; what changes is its state, by the moves of one table. Which of two packs
decides a track in a canary follows from the ids of both, so every worker and every repeat agrees.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from policy.errors import PolicyError


class PackState(StrEnum):
    DRAFT = "draft"
    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    SHADOW = "shadow"
    CANARY = "canary"
    ACTIVE = "active"
    RETIRED = "retired"


class PackMove(StrEnum):
    PROPOSE = "propose"
    APPROVE = "approve"
    REJECT = "reject"
    SHADOW = "shadow"
    CANARY = "canary"
    ACTIVATE = "activate"
    RETIRE = "retire"


REHEARSED: Final = frozenset({PackState.SHADOW, PackState.CANARY})
"""States of a candidate; a platform has one at most."""

_TRIED: Final[dict[PackMove, PackState]] = {
    PackMove.SHADOW: PackState.SHADOW,
    PackMove.CANARY: PackState.CANARY,
    PackMove.ACTIVATE: PackState.ACTIVE,
}
_RETIRED: Final[dict[PackMove, PackState]] = {PackMove.RETIRE: PackState.RETIRED}

MOVES: Final[Mapping[PackState, Mapping[PackMove, PackState]]] = {
    PackState.DRAFT: {PackMove.PROPOSE: PackState.PROPOSED},
    PackState.PROPOSED: {
        PackMove.APPROVE: PackState.APPROVED,
        PackMove.REJECT: PackState.REJECTED,
    },
    PackState.REJECTED: {PackMove.PROPOSE: PackState.PROPOSED},
    PackState.APPROVED: _TRIED | _RETIRED,
    PackState.SHADOW: {
        PackMove.CANARY: PackState.CANARY,
        PackMove.ACTIVATE: PackState.ACTIVE,
    }
    | _RETIRED,
    PackState.CANARY: _TRIED | _RETIRED,
    PackState.ACTIVE: {PackMove.SHADOW: PackState.SHADOW} | _RETIRED,
    PackState.RETIRED: _TRIED,
}


class IllegalMoveError(PolicyError):
    """The pack's state does not allow the move; the message names those that it allows."""

    def __init__(self, state: PackState, move: PackMove) -> None:
        allowed = ", ".join(MOVES[state])
        super().__init__(f"a pack that is {state} can't {move}; it can: {allowed}")
        self.state = state
        self.move = move


def moved(state: PackState, move: PackMove) -> PackState:
    """Return the state after a move.

    Raises
    ------
    IllegalMoveError
        If the table has no such move.
    """
    try:
        return MOVES[state][move]
    except KeyError:
        raise IllegalMoveError(state, move) from None


def falls_to_candidate(activation_id: str, track_id: str, share: float) -> bool:
    """Tell whether a candidate decides a track.

    Parameters
    ----------
    share : float
        Of all tracks, 0 to 1. A greater share of the same activation takes in the tracks of a
        smaller one.
    """
    digest = hashlib.sha256(f"{activation_id}:{track_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def strays(compared: int, differing: int, stop_rate: float, stop_minimum: int) -> bool:
    """Tell whether a canary decides too often otherwise than the live pack would have.

    Parameters
    ----------
    compared, differing : int
        Tracks that the candidate decided, and those of them that the live pack decides otherwise.
    stop_rate : float
        Greatest share that may differ, 0 to 1.
    stop_minimum : int
        Tracks below which no share is judged.
    """
    return compared >= max(stop_minimum, 1) and differing > stop_rate * compared
