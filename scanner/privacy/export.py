"""Everything that is kept of an account, as one archive that is written while it is sent (GDPR-15/20).

Nothing is gathered first: rows are read some tracks at a time, audio in pieces, so memory stays the
same however much an account has.
"""

import json
import zipfile
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, SQLModel, col, select

from scanner.audio import SNIFF_BYTES, NotAudioError, sniff
from scanner.cases import TO_AFFECTED
from scanner.privacy.erasure import matters_of
from scanner.privacy.personal import opened
from scanner.privacy.registry import Table, models, registry
from scanner.store import StoreError
from scanner.tables import (
    Account,
    Case,
    CaseNote,
    CaseVerdict,
    ContestDraft,
    Evidence,
    Generation,
    JournalRow,
    Message,
    Track,
    TrackStem,
)

if TYPE_CHECKING:
    from scanner.service import Service

BATCH: Final = 100
_OWN: Final = ("creator", "parent", "platform", "account")
_STAFF: Final = {"deciders", "holder", "by_id", "leased_until"} | {
    *("author_id", "reviewer_id", "signed_by", "second_signer")
}
"""Columns that tell who of the staff had to do with it."""
_FIRST_MOMENT: Final = (1980, 1, 1, 0, 0, 0)
README: Final = """\
What is kept about the account {account}
========================================

You asked for your data, or your platform did for you. This archive holds all of it.

tables/    what is stored, one file a table, as JSON. `track.json` lists the tracks; the other files
           refer to a track by its `track_id`.
journal.json
           what happened, in order. It can't be changed; what is personal in it is encrypted and is
           shown here as you may read it.
audio/     the files that were uploaded, named by their track; its stems in a folder of its name.
melodies/  the MIDI files that you sent for music to build on, named by their id in `generation.json`.
evidence/  the files that you put forward in a dispute or an appeal, named by their id in `evidence.json`.
index.json what each table is for, how long it is kept and by which right; and the audio that is not
           kept any more.

If something is wrong, or should go, tell your platform: it can have all of this erased
(`DELETE /v1/accounts/...`).
"""


class _Sink:
    """Takes what is written until it is sent; an archive is written to it front to back."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Keep nothing back: there is nothing below."""

    def close(self) -> None:
        """Leave what was written to be taken."""

    def seek(self, offset: int, whence: int = 0) -> int:
        """Refuse: what was sent can't be written again."""
        raise OSError("an archive that is sent can't be changed")

    def tell(self) -> int:
        """Refuse: it counts from the beginning of nothing."""
        raise OSError("an archive that is sent has no position")

    def taken(self) -> Iterator[bytes]:
        pieces, self._pieces = self._pieces, []
        if pieces:
            yield b"".join(pieces)


def archive(service: "Service", account: Account) -> Iterator[bytes]:
    """Yield the pieces of a ZIP file with everything that is tied to an account."""
    sink = _Sink()
    missing: list[str] = []
    with zipfile.ZipFile(sink, "w") as zipped:
        for name, pieces in _members(service, account, missing):
            info = zipfile.ZipInfo(name, _FIRST_MOMENT)
            stored = name.startswith("audio/")
            info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            with zipped.open(info, "w", force_zip64=True) as entry:
                for piece in pieces:
                    entry.write(piece)
                    yield from sink.taken()
            yield from sink.taken()
    yield from sink.taken()


def _members(
    service: "Service", account: Account, missing: list[str]
) -> Iterator[tuple[str, Iterable[bytes]]]:
    yield "README.txt", [README.format(account=account.external_id).encode()]
    with service.database.reading() as session:
        own = list(
            session.exec(
                select(Track.id, Track.sha256)
                .where(Track.account_id == account.id)
                .order_by(col(Track.id))
            )
        )
        ids = [track_id for track_id, _ in own]
        stems = _stems(session, ids)
        cases = session.exec(select(Case.id).where(col(Case.track_id).in_(ids))).all()
        matters = matters_of(session, account.id)
        files = _put_forward(session, matters)
        sent = _melodies(session, account)
    subjects = [*matters, *ids, *cases]
    for name, entry in registry().items():
        if entry.tie is not None:
            yield (
                f"tables/{name}.json",
                _listed(_rows(service, name, entry, account, ids, subjects)),
            )
    yield "journal.json", _listed(_journal(service, subjects))
    for name, sha256 in [*own, *stems]:
        head = _head(service, account.tenant_id, sha256)
        if sha256 is None or head is None:
            missing.append(name)
            continue
        whole = service.store.read_range(account.tenant_id, sha256, 0, None)
        yield f"audio/{name}{_suffix(head)}", whole
    named = [(f"evidence/{file.id}.bin", file.id, file.sha256) for file in files]
    named += [(f"melodies/{one}.mid", one, sha256) for one, sha256 in sent]
    for path, own_id, sha256 in named:
        if _head(service, account.tenant_id, sha256) is None:
            missing.append(own_id)
            continue
        yield path, service.store.read_range(account.tenant_id, sha256, 0, None)
    yield "index.json", [_index(missing)]


def _stems(session: Session, track_ids: list[str]) -> list[tuple[str, str]]:
    """Return the uploaded stems of tracks: ``track/name`` and digest."""
    found: list[tuple[str, str]] = []
    for start in range(0, len(track_ids), BATCH):
        own = col(TrackStem.track_id).in_(track_ids[start : start + BATCH])
        rows = session.exec(select(TrackStem).where(own).order_by(col(TrackStem.id)))
        found += [(f"{row.track_id}/{row.name}", row.sha256) for row in rows]
    return found


def _listed(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Yield a JSON array, an element at a time."""
    before = "[\n"
    for row in rows:
        yield (before + json.dumps(row, ensure_ascii=False)).encode()
        before = ",\n"
    yield b"[]\n" if before == "[\n" else b"\n]\n"


def _rows(
    service: "Service",
    name: str,
    entry: Table,
    account: Account,
    track_ids: list[str],
    subjects: list[str],
) -> Iterator[dict[str, Any]]:
    model: Any = models()[name]
    tie = entry.tie
    if tie is None:
        return
    if tie.party is not None:
        wanted, column = [account.id], getattr(model, tie.party)
    elif tie.matter is not None:
        wanted, column = subjects, getattr(model, tie.matter)
    elif tie.track is None and tie.account is not None:
        wanted, column = [account.id], getattr(model, tie.account)
    elif tie.track is not None:
        wanted, column = track_ids, getattr(model, tie.track)
        if tie.account is not None:  # of the account itself, and about none of its tracks
            own = (getattr(model, tie.account) == account.id) & column.is_(None)
            with service.database.reading() as session:
                rows = session.exec(select(model).where(own)).all()
            yield from (_told(service, row) for row in rows)
    else:
        wanted, column = subjects, getattr(model, tie.subject or tie.event or "")
    order = list(model.__table__.primary_key.columns)
    for start in range(0, len(wanted), BATCH):
        chunk = wanted[start : start + BATCH]
        with service.database.reading() as session:
            named = column.in_(chunk) if tie.event is None else column.in_(_events(session, chunk))
            rows = session.exec(select(model).where(named).order_by(*order)).all()
        yield from (_told(service, row) for row in rows if _is_theirs(row))


def _told(service: "Service", row: SQLModel) -> dict[str, Any]:
    """Return a row as its person may read it: what they typed and did not send is opened."""
    shown = row.model_dump(mode="json", exclude=_STAFF)
    return opened(service.person_keys, row.id, shown)[0] if isinstance(row, ContestDraft) else shown


def _is_theirs(row: SQLModel) -> bool:
    """Tell whether a row that hangs on a matter is the account's to read: not what others put forward."""
    if isinstance(row, Message):
        return not row.internal
    if isinstance(row, CaseNote):
        return row.kind in TO_AFFECTED
    if isinstance(row, CaseVerdict):
        return False  # the statement of reasons told them
    return not isinstance(row, Evidence) or row.by_kind in _OWN


def _put_forward(session: Session, matters: list[str]) -> list[Evidence]:
    query = select(Evidence).where(
        col(Evidence.matter_id).in_(matters), col(Evidence.by_kind).in_(_OWN)
    )
    return list(session.exec(query.order_by(col(Evidence.id))))


def _melodies(session: Session, account: Account) -> list[tuple[str, str]]:
    """Return the MIDI that an account's requests build on: the request's id, and the digest."""
    query = select(Generation.id, Generation.melody_sha256).where(
        Generation.account_id == account.id, col(Generation.melody_sha256).is_not(None)
    )
    rows = session.exec(query.order_by(col(Generation.id)))
    return [(own_id, sha256) for own_id, sha256 in rows if sha256 is not None]


def _events(session: Session, subjects: list[str]) -> list[str]:
    return list(session.exec(select(JournalRow.id).where(col(JournalRow.subject).in_(subjects))))


def _journal(service: "Service", subjects: list[str]) -> Iterator[dict[str, Any]]:
    for start in range(0, len(subjects), BATCH):
        chunk = subjects[start : start + BATCH]
        own = col(JournalRow.subject).in_(chunk)
        with service.database.reading() as session:
            rows = session.exec(select(JournalRow).where(own).order_by(col(JournalRow.id))).all()
        for row in rows:
            data, erased = opened(service.person_keys, row.id, row.data)
            shown = row.model_dump(mode="json", exclude={"actor", "role"})
            yield shown | {"data": data, "erased": erased}


def _head(service: "Service", tenant_id: str, sha256: str | None) -> bytes | None:
    if sha256 is None:
        return None
    try:
        return b"".join(service.store.read_range(tenant_id, sha256, 0, SNIFF_BYTES))
    except StoreError as error:
        if error.transient:
            raise
        return None


def _suffix(head: bytes) -> str:
    try:
        return f".{sniff(head)}"
    except NotAudioError:
        return ".bin"


def _index(missing: list[str]) -> bytes:
    tables = {
        name: {
            "purpose": entry.purpose,
            "basis": entry.basis,
            "kept": entry.retention.words(),
        }
        for name, entry in registry().items()
        if entry.tie is not None
    }
    shown = {"tables": tables, "audio_not_kept": missing}
    return json.dumps(shown, indent=2, ensure_ascii=False).encode()
