"""Engines by their names, as a setting has them."""

from enum import StrEnum

from watermark.audiowmark import Audiowmark
from watermark.builtin import BuiltinWatermarker
from watermark.errors import UnknownEngineError
from watermark.watermarker import Watermarker


class EngineName(StrEnum):
    """What marks are written and read with."""

    BUILTIN = "builtin"
    AUDIOWMARK = "audiowmark"


def engine(name: str) -> Watermarker:
    """Engine of a name.

    Raises
    ------
    UnknownEngineError
        If there is none.
    EngineMissingError, EngineVersionError
        If its program can't be used here.
    """
    match name:
        case EngineName.BUILTIN:
            return BuiltinWatermarker()
        case EngineName.AUDIOWMARK:
            return Audiowmark.installed()
        case _:
            raise UnknownEngineError(
                f"no watermark engine {name!r}: choose one of {', '.join(EngineName)}"
            )
