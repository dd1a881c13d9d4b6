"""What is in one window of a stream."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import fingerprint
from fingerprint import Match
from scanner import banks, harmless
from scanner.audio.live import RATE
from scanner.metrics import STREAM_WINDOWS
from scanner.on_record import on_record
from scanner.streams.plays import FAINT, SURE
from scanner.streams.records import Connection

if TYPE_CHECKING:
    from scanner.service import Service

PATIENCE: Final = 5.0
"""Seconds to wait for an index that is being brought up to date."""

SILENT: Final = 10 ** (-75 / 20)
"""Amplitude below which nothing is heard: what surrounds a silence is alike in many recordings."""
AUDIBLE: Final = 0.5
"""Share of a segment that must be heard."""


def found_in(
    service: "Service",
    connection: Connection,
    samples: NDArray[np.float32],
    *,
    on: frozenset[str],
    is_quick: bool,
) -> list[Match]:
    """Search a window, for what is found faintly too.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
        At the rate of `scanner.audio.live`.
    on : frozenset of str
        References that are known to be on: where a clean copy of one fills the window, altered
        copies of others are not looked for.
    is_quick : bool
        Whether altered copies are not looked for at all.

    Raises
    ------
    BusyError, TransientError
        If no index answers in time.
    """
    samples = np.ascontiguousarray(samples)
    try:
        print_ = fingerprint.fingerprint(samples, RATE)
    except fingerprint.TooShortError:
        return []
    matches = _searched(service, connection, print_)
    filling = [match for match in matches if fingerprint.explained([match])]
    if is_quick or any(match.reference_id in on for match in filling):
        STREAM_WINDOWS.labels("quick").inc()
    else:
        STREAM_WINDOWS.labels("searched").inc()
        print_ = replace(fingerprint.completed(print_, samples, RATE), tones=None)  # too short
        matches = _searched(service, connection, print_)
    return _without_harmless(service, connection, print_, audible(samples, matches))


def audible(samples: NDArray[np.float32], matches: list[Match]) -> list[Match]:
    """Leave out segments that are silent for the most part.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
    matches : list of Match
        Of these samples.
    """
    sounds = np.abs(samples).max(axis=0) > SILENT

    def is_heard(segment: fingerprint.Segment) -> bool:
        part = sounds[round(segment.query_start * RATE) : round(segment.query_end * RATE)]
        return bool(part.sum() >= AUDIBLE * len(part))

    left = [replace(each, segments=tuple(filter(is_heard, each.segments))) for each in matches]
    return [each for each in left if each.segments]


def _searched(
    service: "Service", connection: Connection, print_: fingerprint.Fingerprint
) -> list[Match]:
    with service.database.reading() as session:
        left_out = banks.left_out(session, connection.tenant_id, connection.stream_id)
    found = service.catalogue.search(
        connection.tenant_id, print_, PATIENCE, min_score=FAINT, without_banks=left_out
    )
    return list(found.matches)


def _without_harmless(
    service: "Service",
    connection: Connection,
    print_: fingerprint.Fingerprint,
    matches: list[Match],
) -> list[Match]:
    """Leave out loops, presets and silence, what they explain in others, and what is nobody's claim."""
    if not matches:
        return []
    sure = [match for match in matches if match.score >= SURE]
    explained = harmless.explanations(service, connection.tenant_id, print_, sure)
    with service.database.reading() as session:
        ids = [match.reference_id for match in matches]
        known = on_record(session, connection.tenant_id, ids)
        judged = [
            (match, harmless.standing(match, known[key], explained.get(key)))
            for match in matches
            if (key := match.reference_id) in known
        ]
    return [
        replace(match, segments=standing.segments)
        for match, standing in judged
        if not (standing.negative_bank or standing.excluded)
    ]
