"""The words of a track: declared lyrics, lyrics and titles in its tags, what is heard in it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import policy
from policy.facts import WordSource
from policy.words import screen

if TYPE_CHECKING:
    from scanner.analysis import Evidence

VERSION: Final = "words-1"
HEARING: Final = "whisper-base-2"
NOT_HEARD: Final = "lyrics-not-heard"
_TITLES: Final = ("title", "subtitle")
_TIMESTAMP: Final = re.compile(r"[\[<]\d{1,3}:\d{2}(?:[.:]\d{1,3})?[\]>]")
_HEADER: Final = re.compile(r"(?m)^\[(?:ar|al|ti|au|by|re|ve|length|offset|lang):[^\]\n]*\]")


def look_at(evidence: "Evidence", declared: Mapping[str, Any]) -> None:
    """Screen the words of a track into its evidence; without any, the detector did not run.

    A track that nobody listened to says so, with or without words.

    Embedded lyrics that are too long to be read whole make it *failed*: what was cut off is not
    known.
    """
    heard = evidence.hearing
    texts = list(_texts(evidence, declared))
    is_heard = heard is not None and heard.is_whole
    evidence.words = {
        "sources": {},
        "findings": [],
        "heard": is_heard,
        "warnings": [] if is_heard else [NOT_HEARD],
    }
    if evidence.lyrics_cut:
        evidence.detectors["lyrics"] = "failed"
        return
    if not texts and heard is None:
        return
    findings = []
    languages = {}
    for source, text in texts:
        screened = screen(without_times(text))
        languages[source] = screened.language
        findings += [
            {"source": source, "count": each.count, **asdict(each)} for each in screened.findings
        ]
    for each in findings:
        if heard is not None and each["source"] == "heard":
            each["times"] = [list(heard.times_of(start, end)) for start, end in each["spans"]]
        each["spans"] = [list(span) for span in each["spans"]]
    evidence.detectors["lyrics"] = "ok"
    evidence.versions["lyrics"] = VERSION
    evidence.words |= {"sources": languages, "findings": findings}
    if heard is not None:
        evidence.versions["hearing"] = HEARING
        evidence.words["hearing"] = {
            "language": heard.language,
            "doubtful_seconds": heard.doubtful_seconds,
            "spans": [
                {"start": span.start, "end": span.end, "confidence": span.confidence}
                for span in heard.spans
            ],
        }


def facts(evidence: "Evidence") -> dict[str, Any]:
    """Return the facts ``words``, ``words_from`` and ``lyrics_heard``."""
    if evidence.detectors.get("lyrics") == "failed":
        return {"words": policy.Unknown(unknown="the screening of words failed")}
    if evidence.words is None:
        return {}
    looked_in = list(evidence.words["sources"])
    if "hearing" in evidence.words and "heard" not in looked_in:
        looked_in.append("heard")  # and no word was sung
    if not looked_in:
        return {"lyrics_heard": False}
    found = tuple(
        policy.WordsFact(
            category=each["category"],
            source=each["source"],
            count=each["count"],
            strong=each["strong"],
        )
        for each in evidence.words["findings"]
    )
    heard = evidence.words["heard"]
    return {"words": found, "words_from": tuple(looked_in), "lyrics_heard": heard}


def without_times(lyrics: str) -> str:
    """Blank the timestamps and headers of LRC; every other character keeps its place.

    >>> without_times("[00:12.00]la <00:13.10>la")
    '          la           la'
    """
    for pattern in (_TIMESTAMP, _HEADER):
        lyrics = pattern.sub(lambda found: " " * len(found.group()), lyrics)
    return lyrics


def _texts(evidence: "Evidence", declared: Mapping[str, Any]) -> Iterator[tuple[WordSource, str]]:
    """Yield what there is to look at."""
    tags = evidence.audio.get("tags", {})
    titles = [tags.get(name) for name in _TITLES] + _ern_titles(declared)
    texts: tuple[tuple[WordSource, str], ...] = (
        ("lyrics", declared.get("lyrics") or ""),
        ("tags", evidence.lyrics),
        ("title", "\n".join(dict.fromkeys(each for each in titles if each))),
        ("heard", "" if evidence.hearing is None else evidence.hearing.text),
    )
    yield from (each for each in texts if each[1].strip())


def _ern_titles(declared: Mapping[str, Any]) -> list[str | None]:
    return [(declared.get("ern") or {}).get("title")]
