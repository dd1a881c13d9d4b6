"""The eight kinds of matters, each with the table of its legal moves."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from appeals.machine import Machine
from appeals.machines.appeal import APPEAL
from appeals.machines.case import CASE
from appeals.machines.claim import CLAIM
from appeals.machines.counter_notice import COUNTER_NOTICE
from appeals.machines.dispute import DISPUTE
from appeals.machines.notice import NOTICE
from appeals.machines.presumed_use import PRESUMED_USE
from appeals.machines.strike import STRIKE

MACHINES: Final[Mapping[str, Machine]] = MappingProxyType(
    {
        each.name: each
        for each in (
            CASE,
            NOTICE,
            COUNTER_NOTICE,
            CLAIM,
            DISPUTE,
            APPEAL,
            STRIKE,
            PRESUMED_USE,
        )
    }
)

__all__ = [
    "APPEAL",
    "CASE",
    "CLAIM",
    "COUNTER_NOTICE",
    "DISPUTE",
    "MACHINES",
    "NOTICE",
    "PRESUMED_USE",
    "STRIKE",
]
