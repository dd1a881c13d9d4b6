"""What is heard of a composition and how often, in frames of the spectrum and in seconds."""

from typing import Final

from fingerprint.spectrum import FRAMES_PER_SECOND

PITCH_CLASSES: Final = 12
OCTAVES: Final = 5
SEMITONES: Final = OCTAVES * PITCH_CLASSES

STRIDE: Final = 4
"""Frames of the spectrum a tone frame."""
REACH: Final = 21
"""Frames of the spectrum on both sides of the one in the middle that a tone frame sees."""
TONE_SECONDS: Final = STRIDE / FRAMES_PER_SECOND

FIELD_TONES: Final = 51
HOP_TONES: Final = 6
FIELD_SECONDS: Final = FIELD_TONES * TONE_SECONDS
HOP_SECONDS: Final = HOP_TONES * TONE_SECONDS
CENTRE_SECONDS: Final = (FIELD_TONES - 1) / 2 * TONE_SECONDS
"""Middle of what the first vector sees."""

DIMENSIONS: Final = 64
"""Of the vectors that are looked up: the same in all keys."""
KEYED: Final = 8
"""Values a pitch class of the vectors that are followed: another key moves them round."""
