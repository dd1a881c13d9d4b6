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
    return _without_harmless(service, connection, print_, matches)


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
