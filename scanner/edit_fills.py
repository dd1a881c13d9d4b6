"""What a creator puts in the place of seconds that are claimed: sound of another track of theirs that is out.

Its loudness is brought to that of what stands around, and what was declared about it goes along, so that nothing is told
of less than before.
"""

from collections.abc import Mapping, Sequence
from math import gcd
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlmodel import Session, col, select

from scanner import parties
from scanner.audio.mending import F32Array, Part
from scanner.declarations import DeclarationError
from scanner.declared import declared
from scanner.errors import IllegalTransitionError, NotFoundError
from scanner.tables import Analysis, Track
from scanner.track_states import GENERATED, State
from scanner.tracks import find
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.callers import Caller
    from scanner.service import Service

AROUND_SECONDS: Final = 10.0
"""On either side: what the loudness of a fill is brought to."""
MOST_GAIN_DB: Final = 12.0
HIGHEST_PEAK: Final = 10 ** (-1 / 20)
"""True peak of a fill at most: -1 dBTP."""
SHORTEST_MEASURED: Final = 0.5
"""Seconds below which no loudness is measured (BS.1770 needs blocks of 0.4 s): a shorter fill keeps its own."""
MOST_SHOWN: Final = 50
_MADE: Final = ("none", "assisted", "generated")


def donors(
    session: Session, caller: "Caller", track: Track, parts: Sequence[Part]
) -> dict[str, Track]:
    """Return the tracks that parts are filled from, by id.

    Raises
    ------
    DeclarationError
        If one is none of the account's own, is not out without limits, or was made by a model.
    """
    found: dict[str, Track] = {}
    for n, part in enumerate(parts):
        if part.kind == "replace":
            try:
                donor = _donor(session, caller, track, str(part.with_track))
            except IllegalTransitionError as error:
                field = f"parts.{n}.with_track"
                raise DeclarationError([{"field": field, "detail": error.args[0]}]) from error
            found[donor.id] = donor
    return found


def possible(session: Session, track: Track) -> list[Track]:
    """Return the newest tracks that something can be put into a track from."""
    query = select(Track).where(
        Track.tenant_id == track.tenant_id,
        Track.account_id == track.account_id,
        col(Track.account_id).is_not(None),
        Track.state == State.RELEASED,
        Track.origin != GENERATED,
        Track.id != track.id,
        col(Track.sha256).is_not(None),
    )
    newest = session.exec(query.order_by(col(Track.id).desc()).limit(MOST_SHOWN)).all()
    return [each for each in newest if not (_marked(session, each) or _undeclared(session, each))]


def refuse_undeclared(session: Session, track: Track) -> None:
    """Refuse a track whose file says that a model made it, and whose declaration does not (AIA-50-4).

    A new file has no manifest: nobody would be told of it any more.

    Raises
    ------
    IllegalTransitionError
    """
    if _undeclared(session, track):
        raise IllegalTransitionError(
            "the file says that a model made the track, and AI was not declared: submit it anew with ai_disclosure"
        )


def _undeclared(session: Session, track: Track) -> bool:
    seen = session.get(Analysis, track.analysis_id) if track.analysis_id else None
    if seen is None or not (seen.provenance or {}).get("synthetic"):
        return False
    return "generated" not in (declared(session, track.id).get("ai_disclosure") or {}).values()


def _marked(session: Session, track: Track) -> bool:
    seen = session.get(Analysis, track.analysis_id) if track.analysis_id else None
    return seen is not None and any(each["verdict"] == "found" for each in seen.watermarks)


def _donor(session: Session, caller: "Caller", track: Track, donor_id: str) -> Track:
    try:
        donor = find(session, caller.tenant_id, donor_id)
        parties.affected(session, caller, donor)
    except NotFoundError as error:
        raise IllegalTransitionError("name another track of the same account") from error
    if donor.id == track.id or donor.account_id is None or donor.account_id != track.account_id:
        raise IllegalTransitionError("name another track of the same account")
    if donor.origin == GENERATED or _marked(session, donor):
        raise IllegalTransitionError(
            "what a model made is not put into another track: its mark would be lost"
        )
    if donor.state != State.RELEASED or donor.sha256 is None:
        raise IllegalTransitionError("only what is out without limits is put in")
    refuse_undeclared(session, donor)
    return donor


def told_with(told: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a declaration with what goes along from the tracks that something is put in from.

    Raises
    ------
    DeclarationError
        If one of those is offered in other territories: neither's would hold for all of it.
    """
    made = dict(told)
    for other in others:
        if set(made.get("territories") or ()) != set(other.get("territories") or ()):
            detail = "what is put in is offered in other territories than the track"
            raise DeclarationError([{"field": "parts", "detail": detail}])
        for name in ("licences", "sources"):
            both = [*made.get(name, ()), *other.get(name, ())]
            if both:
                made[name] = [each for n, each in enumerate(both) if each not in both[:n]]
        if other.get("ai_disclosure"):
            made["ai_disclosure"] = _more(made.get("ai_disclosure") or {}, other["ai_disclosure"])
        if other.get("attestation_refused"):
            made["attestation_refused"] = True
        if not other.get("attestation"):
            made.pop("attestation", None)  # nobody vouched for all of it
        if other.get("lyrics"):
            made["lyrics"] = "\n\n".join(filter(None, (made.get("lyrics"), other["lyrics"])))
    return made


def _more(first: Mapping[str, str], second: Mapping[str, str]) -> dict[str, str]:
    """Return of each contribution how much a machine did of it at most."""
    names = [*first, *(name for name in second if name not in first)]
    return {
        name: max((each.get(name, "none") for each in (first, second)), key=_MADE.index)
        for name in names
    }


def declared_of(session: Session, found: Mapping[str, Track]) -> list[dict[str, Any]]:
    """Return what was declared about tracks."""
    return [declared(session, track_id) for track_id in sorted(found)]


def filled(
    service: "Service",
    found: Mapping[str, Track],
    samples: F32Array,
    sample_rate: int,
    parts: Sequence[Part],
) -> list[F32Array | None]:
    """Return the sound that is put in for each part; None for what is cut or muted.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
        The track's.

    Returns
    -------
    list of float32 array, shape (channels, m), or None
        At the track's rate, as long as the part.

    Raises
    ------
    DeclarationError
        If a track that something is put in from is too short, or has other channels.
    """
    fills: list[F32Array | None] = [None] * len(parts)
    for donor in found.values():  # one at a time: each is as large in memory as the track itself
        own = [n for n, part in enumerate(parts) if part.with_track == donor.id]
        with service.store.path_or_copy(donor.tenant_id, str(donor.sha256)) as path:
            decoded = service.decoder.decode(path)
        sound = _at_rate(decoded.samples, decoded.sample_rate, sample_rate)
        sound = _with_channels(sound, len(samples), own[0])
        for n in own:
            fills[n] = _fill(sound, samples, sample_rate, parts, n)
    return fills


def _fill(
    sound: F32Array, samples: F32Array, sample_rate: int, parts: Sequence[Part], n: int
) -> F32Array:
    """Return what is put in for one part from the sound of another track, at the loudness around the part."""
    part, count = parts[n], samples.shape[1]
    first, last = (min(count, round(at * sample_rate)) for at in (part.start, part.end))
    start = round(min(part.from_s, sound.shape[1] / sample_rate) * sample_rate)
    fill = sound[:, start : start + last - first]
    if fill.shape[1] < last - first:
        detail = Told(
            "the track that is put in has %(left)s s from there on, %(needed)s s are needed",
            left=f"{fill.shape[1] / sample_rate:.1f}",
            needed=f"{(last - first) / sample_rate:.1f}",
        )
        raise DeclarationError([{"field": f"parts.{n}.from", "detail": detail}])
    return _levelled(fill, _around(samples, sample_rate, parts, first, last), sample_rate)


def _at_rate(samples: F32Array, present: int, wanted: int) -> F32Array:
    if present == wanted:
        return samples
    from scipy.signal import resample_poly

    common = gcd(present, wanted)
    made = resample_poly(samples, wanted // common, present // common, axis=1)
    return np.asarray(made, np.float32)


def _with_channels(samples: F32Array, wanted: int, n: int) -> F32Array:
    if len(samples) == wanted:
        return samples
    if len(samples) == 1:
        return np.repeat(samples, wanted, axis=0)
    if wanted == 1:
        return np.asarray(samples.mean(axis=0, keepdims=True), np.float32)
    detail = "the track that is put in has other channels"
    raise DeclarationError([{"field": f"parts.{n}.with_track", "detail": detail}])


def _around(
    samples: F32Array, sample_rate: int, parts: Sequence[Part], first: int, last: int
) -> F32Array:
    """Return what stays of the ten seconds on either side."""
    count, reach = samples.shape[1], round(AROUND_SECONDS * sample_rate)
    stays = np.zeros(count, bool)
    stays[max(0, first - reach) : first] = stays[last : last + reach] = True
    for part in parts:
        stays[round(part.start * sample_rate) : round(part.end * sample_rate)] = False
    return samples[:, stays]


def _levelled(fill: F32Array, around: F32Array, sample_rate: int) -> F32Array:
    """Bring a fill to the loudness of what stands around, by 12 dB at most and to a true peak of -1 dB at most."""
    from fingerprint.facts.loudness import loudness
    from fingerprint.facts.true_peak import true_peak

    gain = 1.0
    if min(fill.shape[1], around.shape[1]) >= SHORTEST_MEASURED * sample_rate:
        own, wanted = (loudness(each, sample_rate).integrated_lufs for each in (fill, around))
        if own is not None and wanted is not None:
            gain = 10 ** (float(np.clip(wanted - own, -MOST_GAIN_DB, MOST_GAIN_DB)) / 20)
    if (peak := true_peak(fill)) > 0:
        gain = min(gain, HIGHEST_PEAK / peak)
    return (fill * gain).astype(np.float32)
