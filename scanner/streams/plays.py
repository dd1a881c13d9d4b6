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
WHEREVER: Final = 3
"""Windows that need only agree about the reference: of music that repeats itself each may tell another place."""
FAINT: Final = 0.1
"""Score of what may be one of the windows that agree."""
SURE: Final = 0.5
"""Score that one of them must reach, and all that is added to what is said already."""
EDGE_SECONDS: Final = 0.6
"""Nearer to a window's edge, a segment is cut by it."""
UNDECIDED_SECONDS: Final = 2.5
"""So long after the end of what may be a play it is worth to look again soon."""
OVERLAP_SECONDS: Final = 1.2
"""Seconds during which a reference is heard in two places, so that it repeats itself there."""


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
    windows: list[float] = field(default_factory=list)
    """Where the windows end that it was found in, until it is said."""
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

    def count(self, until: float) -> None:
        """Count a window that ends there, once."""
        if not self.is_said and self.windows[-1:] != [until]:
            self.windows.append(until)

    def overlaps(self, other: "Play") -> bool:
        """Tell whether the same reference is heard in both at once, for a while."""
        both = min(self.end, other.end) - max(self.start, other.start)
        return self.reference_id == other.reference_id and both > OVERLAP_SECONDS

    def go_on_in(self, other: "Play") -> None:
        """Go on where the reference repeats itself, as heard in another place of it."""
        self.start_seen = math.inf
        if other.end > self.end:
            self.end, self.reference_end = other.end, other.reference_end
            self.tempo_ratio, self.end_seen = other.tempo_ratio, other.end_seen
        self.score = max(self.score, other.score)


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
        begun = []
        for play in sorted(self.open, key=lambda play: (-len(play.windows), -play.score)):
            if not play.is_said and self._is_known(play) and not self._is_repeat(play):
                play.is_said = True
                begun.append(play)
        return begun, self._over(until - OVER_AFTER)

    def is_undecided(self, until: float) -> bool:
        """Tell whether what was heard just now may be the beginning of a play."""
        heard_since = until - UNDECIDED_SECONDS
        return any(not play.is_said and play.end >= heard_since for play in self.open)

    def end(self) -> list[Play]:
        """Return what was still on, since nothing follows."""
        return self._over(float("inf"))

    def _take(self, match: Match, segment: Segment, at: float, until: float) -> None:
        for play in self.open:
            if play.reference_id == match.reference_id and play.continues(segment, at):
                if segment.score >= SURE or not play.is_said:
                    play.take(segment, at, until)
                    play.count(until)
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
                windows=[until],
            )
        )

    def _is_known(self, play: Play) -> bool:
        if play.score < SURE:
            return False
        beside = [
            other
            for other in self.open
            if not other.is_said and other.score >= SURE and other.overlaps(play)
        ]
        found_in = {until for other in (play, *beside) for until in other.windows}
        return len(play.windows) >= WINDOWS or len(found_in) >= WHEREVER

    def _is_repeat(self, play: Play) -> bool:
        """Tell whether the same reference is heard already, and have that go on."""
        said = next((other for other in self.open if other.is_said and other.overlaps(play)), None)
        if said is None:
            return False
        said.go_on_in(play)
        self.open.remove(play)
        return True

    def _over(self, before: float) -> list[Play]:
        over = [play for play in self.open if play.end < before]
        self.open = [play for play in self.open if play.end >= before]
        return [play for play in over if play.is_said]
