"""The policy against repeat infringers and the list of out-of-court bodies, as data (DMCA-RI, DSA-21)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, get_args

import rfc8785
import yaml

from appeals.errors import AppealError
from appeals.machines.strike import LASTS
from appeals.standing import Standing, StrikePolicy

DATA: Final = Path(__file__).parent / "data"
KEYS: Final = frozenset({"steps", "window_days", "decay_days", "weight", "weight_again"})
MOST: Final = 10_000
"""The greatest number that a policy says, of days or of weight."""
STANDINGS: Final = frozenset(get_args(Standing)) - {"good"}


class BadStrikePolicyError(AppealError):
    """A policy against repeat infringers can't be used as it is."""


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """A policy with its version.

    Attributes
    ----------
    steps : StrikePolicy
    decay : timedelta
        How long a strike counts.
    weight, weight_again : int
        Of a strike; of one whose account had one before.
    version : str
        SHA-256 of what it says; kept in each strike.
    """

    steps: StrikePolicy
    decay: timedelta
    weight: int
    weight_again: int
    version: str


def read(text: str) -> PolicyInForce:
    """Return the policy that a YAML text says.

    Raises
    ------
    BadStrikePolicyError
        If it is none; the message says what to mend.
    """
    try:
        said = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadStrikePolicyError(f"the policy is no YAML: {error}") from error
    except RecursionError:
        raise BadStrikePolicyError("the policy is nested too deeply") from None
    if not isinstance(said, dict) or set(said) != KEYS:
        raise BadStrikePolicyError(f"a policy says exactly: {', '.join(sorted(KEYS))}")
    for name in KEYS - {"steps"}:
        if not _is_number(said[name]):
            raise BadStrikePolicyError(f"{name} is a whole number from 1 to {MOST}")
    if said["decay_days"] > LASTS.days:
        raise BadStrikePolicyError(f"decay_days is at most {LASTS.days}: then a strike expires")
    try:
        steps = tuple(_step(each) for each in said["steps"])
        policy = StrikePolicy(steps, timedelta(days=said["window_days"]))
    except (TypeError, KeyError, ValueError) as error:
        raise BadStrikePolicyError(
            f"steps is a list of a rising weight and a standing each, of "
            f"{', '.join(sorted(STANDINGS))}: {error}"
        ) from error
    return PolicyInForce(
        policy,
        timedelta(days=said["decay_days"]),
        said["weight"],
        said["weight_again"],
        hashlib.sha256(rfc8785.dumps(said)).hexdigest(),
    )


@cache
def in_force() -> PolicyInForce:
    """Return the policy that comes with the program."""
    return read(packaged_text())


def packaged_text() -> str:
    """Return the text of the policy that comes with the program."""
    return (DATA / "strikes.yaml").read_text(encoding="utf-8")


@cache
def out_of_court() -> Mapping[str, Any]:
    """Return the certified bodies and where the list comes from."""
    found: Mapping[str, Any] = yaml.safe_load(
        (DATA / "out_of_court.yaml").read_text(encoding="utf-8")
    )
    return found


def _step(said: Any) -> tuple[int, Any]:
    if not isinstance(said, dict) or set(said) != {"weight", "standing"}:
        raise ValueError("each says exactly: standing, weight")
    if not _is_number(said["weight"]):
        raise ValueError(f"a weight is a whole number from 1 to {MOST}")
    if said["standing"] not in STANDINGS:
        raise ValueError(f"{said['standing']!r} is no standing")
    return said["weight"], said["standing"]


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST
