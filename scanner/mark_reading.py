"""Reading marks: which are in a sound, whose they are, and which take they stand for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from scanner.tables import Watermark
from scanner.watermark_keys import KeyRing
from watermark import Mark, Verdict, Watermarker

if TYPE_CHECKING:
    from scanner.service import Service

SCHEME: Final = "audiowmark"
ID_DIGITS: Final = 24
"""Hexadecimal digits of a payload that are its id; the other 8 are its keyed check."""
MAX_MARKS: Final = 50
"""Marks of one sound that are kept, the surest."""
MAX_CANDIDATES: Final = 3
"""Of what is not believed: nearly every sound has some."""

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
        return self.mark.verdict is Verdict.FOUND

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
    marks = engine.detect(samples, sample_rate, ring.keys)
    read_marks = [
        ReadMark(mark, "ours" if ring.owners[mark.key_id] is None else "other") for mark in marks
    ]
    found = [each for each in read_marks if each.found]
    candidates = [each for each in read_marks if not each.found and each.owner == "other"]
    candidates.sort(key=lambda each: -each.mark.quality)
    return (found + candidates[:MAX_CANDIDATES])[:MAX_MARKS]


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
    return [
        each.to_json() | _take(known.get(each.mark.payload.digits), tenant_id) for each in marks
    ]


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
    """Read the marks of a sound and describe them for a tenant."""
    marks = read(service.watermarker, ring, samples, sample_rate)
    with service.database.reading() as session:
        return described(session, tenant_id, marks)
