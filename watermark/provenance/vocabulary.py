"""Words of C2PA 2 and IPTC that manifests are written in, and the few of our own."""

from enum import StrEnum
from typing import Final

SOFT_BINDING_ALGORITHM: Final = "org.clearance.audiowmark.128"
"""Our private name for a mark of 128 bits in audiowmark's format; it is not on C2PA's list."""
OWN: Final = "org.clearance."
"""Before names of parameters that C2PA has none for."""

SOURCE_TYPES: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
"""IPTC's digital source types."""

MEDIA_TYPES: Final = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
}
"""What is signed, by the name of the format."""
READABLE: Final = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "mp4": "audio/mp4",
}
"""Containers whose manifests are read, by the name that the scanner's `sniff` gives them."""


class SourceType(StrEnum):
    """Where sound comes from, said honestly (IPTC digital source types)."""

    RULES = "algorithmicMedia"
    """By rules that were not learnt from anybody's works."""
    MODEL = "trainedAlgorithmicMedia"
    """By a trained model."""
    HUMAN_AND_MODEL = "compositeWithTrainedAlgorithmicMedia"
    """People's sound and a trained model's together."""
    SYNTHETIC_PARTS = "compositeSynthetic"
    """Several parts of which at least one is synthetic."""
    HUMAN = "digitalCreation"
    """By a person with software."""
    EDITED = "humanEdits"
    """A person changed a recording."""
    CAPTURED = "digitalCapture"
    """Recorded."""

    @property
    def uri(self) -> str:
        """The name in full."""
        return SOURCE_TYPES + self.value


SYNTHETIC: Final = frozenset(
    {
        SourceType.RULES,
        SourceType.MODEL,
        SourceType.HUMAN_AND_MODEL,
        SourceType.SYNTHETIC_PARTS,
        "trainedAlgorithmicData",
    }
)
"""Source types, without their prefix, of sound that a machine made in whole or in part."""


class Relationship(StrEnum):
    """What an ingredient is to the file that names it."""

    PARENT = "parentOf"
    COMPONENT = "componentOf"
    INPUT = "inputTo"
