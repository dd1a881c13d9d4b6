"""A file of unknown origin in, samples out: sniffed here, decoded in a limited child process."""

from scanner.audio.decoded import AudioWarning, Decoded, DecodeLimits
from scanner.audio.decoder import Decoder
from scanner.audio.errors import AudioError, EmptyFileError, NotAudioError
from scanner.audio.sniff import SNIFF_BYTES, sniff

__all__ = [
    "SNIFF_BYTES",
    "AudioError",
    "AudioWarning",
    "DecodeLimits",
    "Decoded",
    "Decoder",
    "EmptyFileError",
    "NotAudioError",
    "sniff",
]
