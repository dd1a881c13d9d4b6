"""Samples in, marked samples and payloads out.

A :class:`Watermarker` writes a keyed :class:`Payload` into sound and reads it back as a
:class:`Mark`. :class:`BuiltinWatermarker` does so in this process, in the format of audiowmark 0.6;
:class:`StreamDetector` reads sound that comes bit by bit.
"""

from watermark.builtin import BuiltinWatermarker
from watermark.effort import DetectionParams
from watermark.embedding import DEFAULT_STRENGTH
from watermark.errors import (
    BadKeyError,
    BadKeyFileError,
    BadPayloadError,
    BadStrengthError,
    TooShortError,
    UnusableAudioError,
    WatermarkError,
)
from watermark.keys import NO_KEY, Key, format_key_file, parse_key_file
from watermark.marks import BlockKind, Mark, Verdict
from watermark.payloads import Payload, PayloadMode
from watermark.streaming import StreamDetector
from watermark.watermarker import Watermarker

__all__ = [
    "DEFAULT_STRENGTH",
    "NO_KEY",
    "BadKeyError",
    "BadKeyFileError",
    "BadPayloadError",
    "BadStrengthError",
    "BlockKind",
    "BuiltinWatermarker",
    "DetectionParams",
    "Key",
    "Mark",
    "Payload",
    "PayloadMode",
    "StreamDetector",
    "TooShortError",
    "UnusableAudioError",
    "Verdict",
    "WatermarkError",
    "Watermarker",
    "format_key_file",
    "parse_key_file",
]
