"""Samples in, marked samples and payloads out.

A :class:`Watermarker` writes a keyed :class:`Payload` into sound and reads it back as a
:class:`Mark`, in the format of audiowmark 0.6. :class:`BuiltinWatermarker` does so in this process,
:class:`Audiowmark` by that program where it is installed; :func:`engine` gives either by its name.
:class:`StreamDetector` reads sound that comes bit by bit, and :class:`StreamEmbedder` marks it.
"""

from watermark.audiowmark import Audiowmark
from watermark.builtin import BuiltinWatermarker
from watermark.effort import DetectionParams
from watermark.engines import EngineName, engine
from watermark.errors import (
    BadKeyError,
    BadKeyFileError,
    BadPayloadError,
    BadStrengthError,
    EngineError,
    EngineFailedError,
    EngineMissingError,
    EngineTimeoutError,
    EngineVersionError,
    StreamEndedError,
    TooShortError,
    UnknownEngineError,
    UnusableAudioError,
    WatermarkError,
)
from watermark.keys import NO_KEY, Key, format_key_file, parse_key_file
from watermark.marks import BlockKind, Mark, Verdict
from watermark.payload_check import signed_payload, verified
from watermark.payloads import Payload, PayloadMode
from watermark.stream_embedding import StreamEmbedder
from watermark.streaming import StreamDetector
from watermark.strength import DEFAULT_STRENGTH
from watermark.watermarker import Watermarker

__all__ = [
    "DEFAULT_STRENGTH",
    "NO_KEY",
    "Audiowmark",
    "BadKeyError",
    "BadKeyFileError",
    "BadPayloadError",
    "BadStrengthError",
    "BlockKind",
    "BuiltinWatermarker",
    "DetectionParams",
    "EngineError",
    "EngineFailedError",
    "EngineMissingError",
    "EngineName",
    "EngineTimeoutError",
    "EngineVersionError",
    "Key",
    "Mark",
    "Payload",
    "PayloadMode",
    "StreamDetector",
    "StreamEmbedder",
    "StreamEndedError",
    "TooShortError",
    "UnknownEngineError",
    "UnusableAudioError",
    "Verdict",
    "WatermarkError",
    "Watermarker",
    "engine",
    "format_key_file",
    "parse_key_file",
    "signed_payload",
    "verified",
]
