"""What of two passes of a recogniser is believed: what both heard, plainly, and not as a loop.

The thresholds of one pass are those of Whisper's own decoding but for that of silence; on music they are not enough, since text is
invented there with high confidence. A second pass with another search rarely invents the same.
"""

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

MOST_NO_SPEECH: Final = 0.8
"""Whisper's own is 0.6, together with a low log probability; lines that are plainly sung get more."""
LEAST_LOG_PROBABILITY: Final = -1.0
MOST_COMPRESSION: Final = 2.4
"""A line that is repeated compresses better than language does."""
LEAST_AGREEMENT: Final = 0.7
MOST_IN_DOUBT: Final = 0.1
_WORD: Final = re.compile(r"\w+(?:'\w+)?", re.UNICODE)


@dataclass(frozen=True)
class Span:
    """A stretch in which words were heard.

    Attributes
    ----------
    start, end : float
        Seconds.
    confidence : float
        0 to 1: the mean probability of a token, times the share of words on which both passes agree.
    """

    start: float
    end: float
    text: str
    confidence: float


@dataclass(frozen=True)
class Heard:
    """What was heard in a track.

    Attributes
    ----------
    doubtful_seconds : float
        Stretches with speech of which nothing is believed.
    """

    language: str
    spans: tuple[Span, ...]
    doubtful_seconds: float

    @property
    def text(self) -> str:
        """All that is believed, a line a stretch."""
        return "\n".join(span.text for span in self.spans)

    @property
    def is_whole(self) -> bool:
        """Whether so little is in doubt that one may say that the track was listened to."""
        believed = sum(span.end - span.start for span in self.spans)
        return self.doubtful_seconds <= MOST_IN_DOUBT * (believed + self.doubtful_seconds)

    def times_of(self, start: int, end: int) -> tuple[float, float]:
        """Return the seconds in which characters of `text` were heard."""
        first, found = 0, []
        for span in self.spans:
            if first < end and start < first + len(span.text):
                found.append(span)
            first += len(span.text) + 1
        if not found:
            raise ValueError(f"{start} to {end} is not in the text")
        return found[0].start, found[-1].end


def agreed(
    language: str, first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]
) -> Heard:
    """Return what of a first pass a second confirms.

    Parameters
    ----------
    first, second : sequence of mapping
        ``start``, ``end`` (seconds), ``text``, ``log_probability``, ``no_speech``, ``compression``.
    """
    spans, doubtful = [], 0.0
    for segment in first:
        if segment["no_speech"] > MOST_NO_SPEECH:
            continue  # nobody speaks there
        share = _agreement(segment, second)
        plain = (
            segment["log_probability"] >= LEAST_LOG_PROBABILITY
            and segment["compression"] <= MOST_COMPRESSION
        )
        text = str(segment["text"]).strip()
        if plain and share >= LEAST_AGREEMENT and _words(text):
            confidence = math.exp(min(segment["log_probability"], 0.0)) * share
            spans.append(Span(segment["start"], segment["end"], text, round(confidence, 3)))
        else:
            doubtful += segment["end"] - segment["start"]
    return Heard(language, tuple(spans), round(doubtful, 2))


def _agreement(segment: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> float:
    """Share of a segment's words that the other pass heard in the same order at about the same time."""
    own = _words(segment["text"])
    theirs = [
        word
        for other in others
        if other["no_speech"] <= MOST_NO_SPEECH
        and other["start"] < segment["end"] + 1
        and segment["start"] < other["end"] + 1
        for word in _words(other["text"])
    ]
    if not own:
        return 0.0
    blocks = difflib.SequenceMatcher(None, own, theirs, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / len(own)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
