"""What was found, in plain words: the same in the command line, the API and the pictures."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

HEARD_SEMITONES: Final = 0.1
HEARD_TEMPO: Final = 0.005
"""Less than this is measuring error, and not said."""
PLACES: Final = 5
"""So many places are told one by one; the others are counted."""


def sentence(match: Mapping[str, Any]) -> str:
    """Say one match in words.

    Parameters
    ----------
    match : mapping
        ``kind``, ``title`` (None: the reference is no longer on record) and ``segments`` in order
        of the track, as the API shows them.

    Returns
    -------
    str
        Without a full stop, beginning with a small letter.

    Raises
    ------
    ValueError
        If there is no segment: such a match says nothing.
    """
    segments = match["segments"]
    if not segments:
        raise ValueError("a match without segments can't be told")
    composition = match["kind"] == "composition"
    changes = [_change(segment, composition=composition) for segment in segments]
    if len(segments) == 1:
        return (
            f"{_span(segments[0], 'query')} your track is {_what(match)} "
            f"{_span(segments[0], 'reference')}{_anew(composition)}{changes[0]}"
        )
    alike = len(set(changes)) == 1
    places = [
        f"{_span(segment, 'query')} it is {_span(segment, 'reference')} there"
        + ("" if alike else change)
        for segment, change in zip(segments[:PLACES], changes, strict=False)
    ]
    if len(segments) > PLACES:
        places.append(f"and {len(segments) - PLACES} more")
    common = f", all{changes[0].removeprefix(',')}" if alike and changes[0] else ""
    return (
        f"in {len(segments)} places your track is {_what(match)}{_anew(composition)}: "
        + "; ".join(places)
        + common
    )


def altered(segment: Mapping[str, float]) -> str:
    """Say how far a copy's pitch and tempo were moved, from what can be heard on.

    Returns
    -------
    str
        Such as ``", raised by 1.0 semitone, 3 % faster"``; empty for a copy that was not bent.
    """
    return _change(segment, composition=False)


def clock(seconds: float) -> str:
    """Write seconds as minutes and seconds, to the nearest: 0:05."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def summary(matches: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say all matches, in their order; nothing for none."""
    return [sentence(match) for match in matches if match["segments"]]


def _what(match: Mapping[str, Any]) -> str:
    composition = match["kind"] == "composition"
    if match["title"] is None:
        return f"a {'work' if composition else 'recording'} that is no longer on record"
    if composition:
        return f"the melody of the work '{match['title']}'"
    return f"the recording '{match['title']}'"


def _anew(composition: bool) -> str:
    return ", played anew" if composition else ""


def _span(segment: Mapping[str, float], side: str) -> str:
    return f"from {clock(segment[f'{side}_start'])} to {clock(segment[f'{side}_end'])}"


def _change(segment: Mapping[str, float], *, composition: bool) -> str:
    """A copy is raised; who plays anew plays higher."""
    pitch, faster = segment["pitch_semitones"], segment["tempo_ratio"] - 1
    said = ""
    if abs(pitch) >= HEARD_SEMITONES:
        amount = f"{abs(pitch):.1f} semitone{'s' if f'{abs(pitch):.1f}' != '1.0' else ''}"
        if composition:
            said += f", {amount} {'higher' if pitch > 0 else 'lower'}"
        else:
            said += f", {'raised' if pitch > 0 else 'lowered'} by {amount}"
    if abs(faster) >= HEARD_TEMPO:
        said += f", {100 * abs(faster):.0f} % {'faster' if faster > 0 else 'slower'}"
    return said
