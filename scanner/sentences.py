"""What was found, in plain words: the same in the command line, the API and the pictures."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Final

import yaml

HEARD_SEMITONES: Final = 0.1
HEARD_TEMPO: Final = 0.005
"""Less than this is measuring error, and not said."""
SURE_OF_TEMPO: Final = 0.4
"""Over the power 1.5 of its seconds: nine of ten segments are nearer to their true tempo than that."""
PLACES: Final = 5
"""So many places are told one by one; the others are counted."""


LEFT_OUT: Final = "left/right"
"""Among the stems of a track what averaging its channels leaves out: no stem that is sent can have the name."""
SOURCE: Final = "en"


@cache
def _texts() -> Mapping[str, Mapping[str, str]]:
    text = resources.files("scanner").joinpath("sentence_texts.yaml").read_text(encoding="utf-8")
    read: dict[str, dict[str, str]] = yaml.safe_load(text)
    return read


def sentence(match: Mapping[str, Any], language: str = SOURCE, *, theirs: bool = False) -> str:
    """Say one match in words, and in which stem it was found, if in one.

    Parameters
    ----------
    match : mapping
        ``kind``, ``title`` (None: the reference is no longer on record) and ``segments`` in order
        of the track, as the API shows them.
    language : str
        en, de, fr or es.
    theirs : bool
        Said to somebody whose track it is not.

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
    return _told(match, language, theirs=theirs) + _stem(segments[0], _texts()[language])


def _told(match: Mapping[str, Any], language: str, *, theirs: bool) -> str:
    segments, words = match["segments"], _texts()[language]
    track = words["theirs" if theirs else "yours"]
    composition = match["kind"] == "composition"
    anew = words["anew"] if composition else ""
    changes = [_change(segment, composition=composition, language=language) for segment in segments]
    if len(segments) == 1:
        query, reference = _spans(segments[0], words)
        return words["once"].format(
            query=query,
            track=track,
            what=_what(match, words),
            reference=reference,
            anew=anew,
            change=changes[0],
        )
    alike = len(set(changes)) == 1
    places = []
    for segment, change in zip(segments[:PLACES], changes, strict=False):
        query, reference = _spans(segment, words)
        told = "" if alike else change
        places.append(words["place"].format(query=query, reference=reference, change=told))
    if len(segments) > PLACES:
        places.append(words["more"].format(count=len(segments) - PLACES))
    shared = changes[0].removeprefix(",")
    return words["often"].format(
        count=len(segments),
        track=track,
        what=_what(match, words),
        anew=anew,
        places="; ".join(places),
        common=words["common"].format(change=shared) if alike and shared else "",
    )


def _stem(segment: Mapping[str, Any], words: Mapping[str, str]) -> str:
    stem = segment.get("stem")
    if stem is None:
        return ""
    return words["in-difference" if stem == LEFT_OUT else "in-stem"].format(stem=stem)


def altered(segment: Mapping[str, float], language: str = SOURCE) -> str:
    """Say how far a copy's pitch and tempo were moved, from what can be heard on.

    Returns
    -------
    str
        Such as ``", raised by 1.0 semitone, 3 % faster"``; empty for a copy that was not bent.
    """
    return _change(segment, composition=False, language=language)


def clock(seconds: float) -> str:
    """Write seconds as minutes and seconds, to the nearest: 0:05."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def summary(matches: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say all matches, in their order; nothing for none."""
    return [sentence(match) for match in matches if match["segments"]]


def _what(match: Mapping[str, Any], words: Mapping[str, str]) -> str:
    if match["title"] is None:
        return words[f"{match['kind']}-gone"]
    return words[match["kind"]].format(title=match["title"])


def _spans(segment: Mapping[str, float], words: Mapping[str, str]) -> list[str]:
    """Where a segment is in the track, and where in the reference."""
    return [
        words["span"].format(
            start=clock(segment[f"{side}_start"]), end=clock(segment[f"{side}_end"])
        )
        for side in ("query", "reference")
    ]


def _change(segment: Mapping[str, float], *, composition: bool, language: str) -> str:
    """A copy is raised; who plays anew plays higher."""
    words = _texts()[language]
    pitch, faster = segment["pitch_semitones"], segment["tempo_ratio"] - 1
    said = ""
    if abs(pitch) >= HEARD_SEMITONES:
        amount = f"{abs(pitch):.1f}"
        told = amount if language == SOURCE else amount.replace(".", ",")
        semitones = words["semitone" if amount == "1.0" else "semitones"].format(amount=told)
        up, down = ("higher", "lower") if composition else ("raised", "lowered")
        said += words[up if pitch > 0 else down].format(semitones=semitones)
    seconds = max(0.1, segment["query_end"] - segment["query_start"])
    if abs(faster) >= max(HEARD_TEMPO, SURE_OF_TEMPO / seconds**1.5):
        percent = f"{100 * abs(faster):.0f}"
        said += words["faster" if faster > 0 else "slower"].format(percent=percent)
    return said
