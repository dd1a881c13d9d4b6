"""Trusted flaggers."""

from typing import Literal

from scanner.schemas.common import Answer, Moment


class FlaggerAnswer(Answer):
    """A trusted flagger; ``precision`` is the share of decided notices that were right."""

    id: str
    name: str
    email: str
    state: Literal["trusted", "lost"]
    version: int
    decided: int
    precision: float | None
    created_at: Moment
    lost_at: Moment | None


class Flaggers(Answer):
    """A platform's flaggers."""

    items: list[FlaggerAnswer]
