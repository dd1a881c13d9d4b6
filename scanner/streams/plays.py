"""What is on: windows of a stream and what was found in them become plays, from when to when."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from fingerprint import Match, Segment

SAME_SECONDS: Final = 1.5
"""How far two windows may disagree about where in a reference a stream is."""
SAME_TEMPO: Final = 0.06
OVER_AFTER: Final = 12.0
"""Seconds without a sign of a play after which it is over: a presenter talks over less."""
WINDOWS: Final = 2
"""Windows that must agree before anything is said: one alone may be chance."""
EDGE_SECONDS: Final = 0.6
"""Nearer to a window's edge, a segment is cut by it."""
SHADOWED: Final = 0.5
"""Share of a play during which another place of the same reference is heard already."""


@dataclass
class Play:
    """A reference that is heard for a while; times in seconds of the stream and of the reference."""

    reference_id: str
    start: float
    end: float
    reference_start: float
    reference_end: float
    score: float
    pitch_semitones: float
    tempo_ratio: float
    start_seen: float = 0.0
    end_seen: float = 0.0
    """Seconds of it in the windows by which its start and end are told; 0: it goes on."""
    windows: int = 1
    last_window: float = 0.0
    is_said: bool = False
    record: str = ""
    """Under which id it is kept, once it is."""

    def continues(self, segment: Segment, at: float) -> bool:
        """Tell whether a segment of a window that begins ``at`` seconds is more of this play."""
        away = at + segment.query_start - self.end
        expected = self.reference_end + away * self.tempo_ratio
        return (
            away <= OVER_AFTER
            and abs(segment.reference_start - expected) <= SAME_SECONDS
            and abs(segment.tempo_ratio - self.tempo_ratio) <= SAME_TEMPO
        )

    def take(self, segment: Segment, at: float, until: float) -> None:
        """Add a segment of a window that continues this play.

        Where something begins or ends within a window is told best by the window that holds most
        of it: what a fingerprint says of a cut's surroundings is blurred.
        """
        start, end = at + segment.query_start, at + segment.query_end
        length = end - start
        if segment.query_start > EDGE_SECONDS and length > self.start_seen:
            self.start, self.reference_start = start, segment.reference_start
            self.start_seen = length
        if until - end <= EDGE_SECONDS:  # it goes on
            self.end_seen = 0.0
        if length > self.end_seen and (end > self.end or self.end_seen == 0.0):
            self.end, self.reference_end = end, segment.reference_end
            self.tempo_ratio = segment.tempo_ratio
            self.end_seen = length if until - end > EDGE_SECONDS else 0.0
        if segment.score > self.score:
            self.score, self.pitch_semitones = segment.score, segment.pitch_semitones


@dataclass
class Plays:
    """The plays of one stream, told window by window."""

    open: list[Play] = field(default_factory=list)

    def hear(
        self, at: float, until: float, matches: Iterable[Match]
    ) -> tuple[list[Play], list[Play]]:
        """Take what a window holds.

        Parameters
        ----------
        at, until : float
            Seconds of the stream at which the window begins and ends; later than the last one's.
        matches : iterable of Match
            Only recordings count: a few seconds are too little to tell a work by.

        Returns
        -------
        list of Play, list of Play
            Which are known since this window, and which of those that were known are over.
        """
        for match in matches:
            if match.kind == "recording":
                for segment in match.segments:
                    self._take(match, segment, at, until)
        begun = [play for play in self.open if self._is_known(play)]
        for play in begun:
            play.is_said = True
        return begun, self._over(until - OVER_AFTER)

    def end(self) -> list[Play]:
        """Return what was still on, since nothing follows."""
        return self._over(float("inf"))

    def _take(self, match: Match, segment: Segment, at: float, until: float) -> None:
        for play in self.open:
            if play.reference_id == match.reference_id and play.continues(segment, at):
                play.take(segment, at, until)
                play.windows += play.last_window != until
                play.last_window = until
                return
        length = segment.query_end - segment.query_start
        self.open.append(
            Play(
                match.reference_id,
                at + segment.query_start,
                at + segment.query_end,
                segment.reference_start,
                segment.reference_end,
                segment.score,
                segment.pitch_semitones,
                segment.tempo_ratio,
                start_seen=length if segment.query_start > EDGE_SECONDS else math.inf,
                end_seen=length if until - at - segment.query_end > EDGE_SECONDS else 0.0,
                last_window=until,
            )
        )

    def _is_known(self, play: Play) -> bool:
        return not play.is_said and play.windows >= WINDOWS and not self._is_shadowed(play)

    def _is_shadowed(self, play: Play) -> bool:
        """Tell whether the same reference is heard already: music repeats itself."""
        for other in self.open:
            if other.is_said and other.reference_id == play.reference_id:
                both = min(other.end, play.end) - max(other.start, play.start)
                if both > SHADOWED * (play.end - play.start):
                    return True
        return False

    def _over(self, before: float) -> list[Play]:
        over = [play for play in self.open if play.end < before]
        self.open = [play for play in self.open if play.end >= before]
        return [play for play in over if play.is_said]
