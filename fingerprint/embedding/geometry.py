"""What one vector sees, in frames of the spectrum and in seconds."""

from typing import Final

from fingerprint.spectrum import FRAMES_PER_SECOND

DIMENSIONS: Final = 64
HOP_FRAMES: Final = 12
FIELD_FRAMES: Final = 49
LEVEL_FRAMES: Final = 25
"""Frames over which the level is evened out."""
CONTEXT_FRAMES: Final = LEVEL_FRAMES // 2
HOP_SECONDS: Final = HOP_FRAMES / FRAMES_PER_SECOND
FIELD_SECONDS: Final = FIELD_FRAMES / FRAMES_PER_SECOND
CENTRE_SECONDS: Final = (FIELD_FRAMES - 1) / 2 / FRAMES_PER_SECOND
"""Middle of what the first vector sees."""
