"""Reading marks: which are in a sound, whose they are, and which take they stand for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from scanner.tables import Preview, Watermark
from scanner.watermark_keys import KeyRing
from watermark import (
    BuiltinWatermarker,
    DetectionParams,
    Key,
    Mark,
    StreamDetector,
    Verdict,
    Watermarker,
)

if TYPE_CHECKING:
    from scanner.service import Service

SCHEME: Final = "audiowmark"
ID_DIGITS: Final = 24
"""Hexadecimal digits of a payload that are its id; the other 8 are its keyed check."""
MAX_MARKS: Final = 50
"""Marks of one sound that are kept, the surest."""
LONG_SECONDS: Final = 600
BLOCK_SECONDS: Final = 30
MAX_CANDIDATES: Final = 3
"""Of what is not believed: any sound may have some."""

Owner = Literal["ours", "other"]


@dataclass(frozen=True)
class ReadMark:
    """A mark and whose key it is of."""

    mark: Mark
    owner: Owner

    @property
    def payload_id(self) -> str:
        """The payload's part that the registry knows it by."""
        return self.mark.payload.digits[:ID_DIGITS]

    @property
    def found(self) -> bool:
        """Whether it is believed: of our own keys only what carries its check, as all of ours do."""
        proven = self.mark.verified or self.owner == "other"
        return proven and self.mark.verdict is Verdict.FOUND

    def to_json(self) -> dict[str, Any]:
        """Return the contract's object, with the key that it was read with."""
        mark = self.mark
        return {
            "payload": mark.payload.digits,
            "scheme": SCHEME,
            "verdict": str(mark.verdict),
            "false_alarm": float(mark.false_alarm),
            "score": round(float(mark.quality), 4),
            "start": round(mark.start_seconds, 3),
            "end": round(mark.end_seconds, 3),
            "error": round(float(mark.error), 4),
            "kind": str(mark.kind),
            "speed": round(float(mark.speed), 4),
            "tempo_ratio": round(float(mark.tempo_ratio), 4),
            "pitch_ratio": round(float(mark.pitch_ratio), 4),
            "key_id": mark.key_id,
            "owner": self.owner,
        }


def read(
    engine: Watermarker, ring: KeyRing, samples: NDArray[np.float32], sample_rate: int
) -> list[ReadMark]:
    """Look for the marks of every live key.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)

    Returns
    -------
    list of ReadMark
        Found ones first. What is read with a key of ours and not believed is left out, since our
        payloads prove themselves; of other services' keys a few candidates are kept.

    Raises
    ------
    watermark.WatermarkError
        If the sound can't be searched.
    """
    marks = _marks(engine, ring.keys, samples, sample_rate)
    read_marks = [
        ReadMark(mark, "ours" if ring.owners[mark.key_id] is None else "other") for mark in marks
    ]
    found = [each for each in read_marks if each.found]
    candidates = [each for each in read_marks if not each.found and each.owner == "other"]
    candidates.sort(key=lambda each: -each.mark.quality)
    return (found + candidates[:MAX_CANDIDATES])[:MAX_MARKS]


def within(engine: Watermarker, seconds: float) -> Watermarker:
    """Return an engine that spends so many CPU seconds at most on copies at another speed or pitch."""
    if not isinstance(engine, BuiltinWatermarker):
        return engine
    wanted = seconds > 0
    params = DetectionParams(speed=wanted, stretch=wanted, budget_seconds=seconds)
    return replace(engine, params=params)


def _marks(
    engine: Watermarker, keys: Sequence[Key], samples: NDArray[np.float32], sample_rate: int
) -> list[Mark]:
    """Read marks; of long sound block by block, in memory that does not grow with it."""
    long = samples.shape[1] > LONG_SECONDS * sample_rate
    if not (long and isinstance(engine, BuiltinWatermarker)):
        return engine.detect(samples, sample_rate, keys)
    stream = StreamDetector(sample_rate, keys, engine.modes, engine.params)
    block = BLOCK_SECONDS * sample_rate
    marks = []
    for start in range(0, samples.shape[1], block):
        marks += stream.feed(np.ascontiguousarray(samples[:, start : start + block]))
    return marks + stream.finish()


def resolved(session: Session, marks: Iterable[ReadMark]) -> dict[str, Watermark]:
    """Return what the registry knows of found marks of ours, by payload, whatever the tenant."""
    own = {each.payload_id for each in marks if each.found and each.owner == "ours"}
    if not own:
        return {}
    rows = session.exec(select(Watermark).where(col(Watermark.payload_id).in_(sorted(own))))
    return {row.payload: row for row in rows}


def described(
    session: Session, tenant_id: str | None, marks: Sequence[ReadMark]
) -> list[dict[str, Any]]:
    """Return marks as JSON; of a take of this tenant it is said which one it is."""
    known = resolved(session, marks)
    heard = _previews(session, marks)
    return [
        each.to_json()
        | _take(known.get(each.mark.payload.digits), tenant_id)
        | _preview(heard.get(each.payload_id), tenant_id)
        for each in marks
    ]


def _previews(session: Session, marks: Iterable[ReadMark]) -> dict[str, Preview]:
    """Return previews by the payload that was heard in them, whatever the tenant."""
    own = {each.payload_id for each in marks if each.found and each.owner == "ours"}
    rows = session.exec(select(Preview).where(col(Preview.payload_id).in_(sorted(own))))
    return {str(row.payload_id): row for row in rows} if own else {}


def _preview(row: Preview | None, tenant_id: str | None) -> dict[str, Any]:
    """Say that a preview was recorded, which is no release."""
    return {} if row is None or row.tenant_id != tenant_id else {"preview_id": row.id}


def _take(row: Watermark | None, tenant_id: str | None) -> dict[str, Any]:
    if row is None or row.tenant_id != tenant_id:
        return {}
    return {"take_id": row.take_id, "track_id": row.track_id}


def read_and_described(
    service: "Service",
    tenant_id: str | None,
    ring: KeyRing,
    samples: NDArray[np.float32],
    sample_rate: int,
) -> list[dict[str, Any]]:
    """Read the marks of a sound within an analysis' budget, and describe them for a tenant."""
    engine = within(service.watermarker, service.settings.watermark_altered_seconds)
    marks = read(engine, ring, samples, sample_rate)
    with service.database.reading() as session:
        return described(session, tenant_id, marks)
