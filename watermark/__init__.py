"""Samples in, marked samples and payloads out; provenance manifests.

Keys and payloads are here, and what a key makes of a payload; nothing marks sound yet: the analysis
says ``"watermark": "not_run"`` and no rule may take that for an answer.
"""

from watermark.errors import BadKeyError, BadKeyFileError, BadPayloadError, WatermarkError
from watermark.keys import NO_KEY, Key, format_key_file, parse_key_file
from watermark.payloads import Payload, PayloadMode

__all__ = [
    "NO_KEY",
    "BadKeyError",
    "BadKeyFileError",
    "BadPayloadError",
    "Key",
    "Payload",
    "PayloadMode",
    "WatermarkError",
    "format_key_file",
    "parse_key_file",
]
