"""Standing: what strikes and misuse come to, by a policy that is data (DMCA-RI, DSA-23).

Nothing here ends an account: it says what is due, and a person decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

Standing = Literal["good", "warned", "limited", "suspended"]
Gravity = Literal["minor", "serious", "grave"]


@dataclass(frozen=True, slots=True)
class Strike:
    """A strike that counts, as the policy sees it.

    Attributes
    ----------
    weight : int
        1 or more; a repeated or commercial copy may weigh more.
    active_from, expires_at : datetime
    """

    weight: int
    active_from: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StrikePolicy:
    """How many strikes lead to what.

    Attributes
    ----------
    steps : tuple of (int, Standing)
        Weight from which a standing is due, rising.
    window : timedelta
        Strikes count together if they lie within it.
    """

    steps: tuple[tuple[int, Standing], ...] = ((1, "warned"), (2, "limited"), (3, "suspended"))
    window: timedelta = timedelta(days=90)

    def __post_init__(self) -> None:
        weights = [weight for weight, _ in self.steps]
        if weights != sorted(set(weights)) or not weights or weights[0] < 1:
            raise ValueError("steps must rise from a weight of 1 or more")


def standing_of(
    strikes: Sequence[Strike], now: datetime, policy: StrikePolicy | None = None
) -> Standing:
    """Return the standing that is due now.

    Parameters
    ----------
    strikes : sequence of Strike
        Those that were given and not reversed; what has expired or does not count yet is left out.
    """
    rules = policy or StrikePolicy()
    counting = [each for each in strikes if each.active_from <= now < each.expires_at]
    heaviest = max(
        (
            sum(
                other.weight
                for other in counting
                if timedelta(0) <= each.active_from - other.active_from < rules.window
            )
            for each in counting
        ),
        default=0,
    )
    due: Standing = "good"
    for weight, standing in rules.steps:
        if heaviest >= weight:
            due = standing
    return due


@dataclass(frozen=True, slots=True)
class Submissions:
    """What somebody sent within a time: notices, complaints or uploads.

    Attributes
    ----------
    total : int
    unfounded : int
        Those that a person found manifestly unfounded, or manifestly illegal.
    gravity : {"minor", "serious", "grave"}
        Of what they did, or would have done.
    intent : bool
        A person found that it was meant.
    grave : int, optional
        How many of the unfounded were grave or meant; without it, all of them where any was.
    """

    total: int
    unfounded: int
    gravity: Gravity = "minor"
    intent: bool = False
    grave: int | None = None


@dataclass(frozen=True, slots=True)
class MisusePolicy:
    """From when misuse is frequent (DSA-23).

    Attributes
    ----------
    least : int
        So many unfounded ones at least; fewer are no habit.
    share : float
        So large a share of all at least.
    grave_least : int
        Enough of grave or meant ones, whatever their share.
    frame : timedelta
        What was sent within it counts, of the number and of all (Art. 23(3)(a) and (b)).
    """

    least: int = 5
    share: float = 0.5
    grave_least: int = 2
    frame: timedelta = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class MisuseFinding:
    """The four factors of DSA-23 as they stand, and what they suggest to the person who decides."""

    count: int
    share: float
    gravity: Gravity
    intent: bool
    suggests: Literal["nothing", "warning", "suspension"]
    because: tuple[str, ...] = field(default=())


def misuse(
    sent: Submissions,
    warned: bool,
    policy: MisusePolicy | None = None,
    *,
    found: str = "manifestly unfounded",
) -> MisuseFinding:
    """Weigh misuse by number, share, gravity and intent; who was not warned is warned first."""
    rules = policy or MisusePolicy()
    share = sent.unfounded / sent.total if sent.total else 0.0
    because = []
    if sent.unfounded >= rules.least and share >= rules.share:
        because.append(f"{sent.unfounded} of {sent.total} were {found}")
    grave = sent.unfounded if sent.grave is None else sent.grave
    if grave >= rules.grave_least and sent.gravity == "grave":
        because.append(f"{grave} of them were grave")
    if grave >= rules.grave_least and sent.intent:
        because.append("they were meant")
    suggests: Literal["nothing", "warning", "suspension"] = "nothing"
    if because:
        suggests = "suspension" if warned else "warning"
    return MisuseFinding(sent.unfounded, share, sent.gravity, sent.intent, suggests, tuple(because))
