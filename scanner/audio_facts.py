"""Tempo, key and loudness of a track, for its analysis.

They decide nothing, so one that fails takes nothing with it: it is *unknown* and says why. One that
was looked for and is not there is null.
"""

from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from typing import Any, Final

import numpy as np
import structlog
from numpy.typing import NDArray

from fingerprint import FingerprintError, facts
from scanner.metrics import FACTS_FAILED

DIGITS: Final = {
    "bpm": 2,
    "other_bpm": 2,
    "confidence": 3,
    "integrated_lufs": 2,
    "range_lu": 2,
    "true_peak_dbtp": 2,
    "silence_share": 4,
}

log = structlog.get_logger()


def audio_facts(
    samples: NDArray[np.float32],
    sample_rate: int,
    spectra: Callable[[], NDArray[np.float32]] | None = None,
) -> dict[str, Any]:
    """Measure tempo, key and loudness.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
    sample_rate : int
        In Hz.
    spectra : callable, optional
        Gives the spectrogram of :func:`fingerprint.facts.spectrum`, where it is made elsewhere too.

    Returns
    -------
    dict
        ``tempo``, ``key`` and ``loudness``: an object, null (there is none), or
        ``{"unknown": why}``.
    """
    own = spectra or cache(lambda: facts.spectrum(samples, sample_rate))
    return {
        "tempo": told("tempo", lambda: facts.tempo(own())),
        "key": told("key", lambda: facts.key(own())),
        "loudness": told("loudness", lambda: facts.loudness(samples, sample_rate)),
    }


def told(name: str, measure: Callable[[], Any]) -> dict[str, Any] | None:
    """Return what a measure finds as JSON; why it is unknown, if it fails, which is counted."""
    try:
        found = measure()
    except FingerprintError as error:  # this audio has not got it, and the error says why
        return {"unknown": str(error)}
    except Exception as error:
        log.exception("audio_fact_failed", fact=name)
        FACTS_FAILED.labels(name).inc()
        return {"unknown": f"measuring the {name} failed ({type(error).__name__})"}
    return (
        None if found is None else {key: _shown(key, value) for key, value in asdict(found).items()}
    )


def _shown(key: str, value: Any) -> Any:
    return round(value, DIGITS[key]) if isinstance(value, float) else value
