"""Catalogues in bulk: a holder's file is kept, then taken in by a worker, row by row.

Each row is done wholly or not at all, at least once: a repeat after a crash finds the recording by its sound
or the holder's own name for it. Two workers never hold one import, while the lease of the first lasts.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlmodel import Session, col, func, or_, select

from scanner import rights
from scanner.callers import Caller
from scanner.catalogue_archives import Archive
from scanner.catalogue_csv import read_csv
from scanner.catalogue_ern import MAX_BYTES, read_ern
from scanner.catalogue_rows import CatalogueFileError, Row
from scanner.catalogue_takers import take, without_lyrics
from scanner.clock import new_id
from scanner.declarations import DeclarationError
from scanner.errors import NotFoundError
from scanner.journal import Actor, record
from scanner.rights_events import CatalogueImported
from scanner.safe_csv import written
from scanner.tables import CatalogueImport, CatalogueImportRow

if TYPE_CHECKING:
    from scanner.service import Service

LEASE: Final = timedelta(minutes=10)
REST: Final = timedelta(seconds=30)
"""So long an import rests that could not go on, and others have their turn."""
SLICE_SECONDS: Final = 2.0
"""So long a worker is at it before its other chores have their turn."""
OPEN: Final = ("waiting", "running")
STATES: Final = ("waiting", "added", "changed", "known", "refused")
REPORT: Final = ("line", "key", "title", "outcome", "reference_id", "column", "what to do")

log = structlog.get_logger()


@dataclass(frozen=True)
class Asked:
    """A file to take in, which is in the store already.

    Attributes
    ----------
    files_of : str, optional
        Id of an earlier import of the holder's, in whose ZIP the recordings are.
    dry_run : bool
        Only say what would be done.
    """

    holder_id: str
    file_name: str
    sha256: str
    form: str
    files_of: str | None = None
    dry_run: bool = False


def form_of(head: bytes) -> str:
    """Return what a file is by its first bytes: zip, ern or csv.

    Raises
    ------
    DeclarationError
        If it is empty.
    """
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        told = "the file is empty: send a CSV file, a DDEX message, or a ZIP with one of them"
        raise DeclarationError([{"field": "file", "detail": told}])
    if start.startswith(b"PK"):
        return "zip"
    return "ern" if start.startswith(b"<") else "csv"


def ask(service: "Service", caller: Caller, asked: Asked) -> CatalogueImport:
    """Write down that a file is to be taken in; a worker does it.

    Raises
    ------
    NotFoundError
        If there is no such holder, or no such earlier ZIP of theirs.
    """
    with service.database.transaction() as session:
        holder = rights.find_holder(session, caller, asked.holder_id)
        if not holder.named or holder.peer_key is not None:
            raise NotFoundError("holder", "of this id that was named here")
        if asked.files_of is not None:
            earlier = find(session, caller, asked.files_of)
            if earlier.holder_id != asked.holder_id or earlier.form != "zip":
                raise NotFoundError("ZIP", "of this import")
        made = CatalogueImport(
            id=new_id(),
            tenant_id=caller.tenant_id,
            holder_id=asked.holder_id,
            actor_id=caller.actor.id,
            actor_role=caller.actor.role,
            file_name=asked.file_name[:255],
            file_sha256=asked.sha256,
            form=asked.form,
            files_of=asked.files_of,
            dry_run=asked.dry_run,
            created_at=service.now(),
        )
        session.add(made)
        return made


def find(session: Session, caller: Caller, import_id: str) -> CatalogueImport:
    """Return an import that the caller may see, or raise ``NotFoundError``."""
    row = session.get(CatalogueImport, import_id)
    if (
        row is None
        or row.tenant_id != caller.tenant_id
        or caller.holder_id not in {None, row.holder_id}
        or caller.account_id
        or caller.flagger_id
    ):
        raise NotFoundError("import", "of this id")
    return row


def listed(
    session: Session, caller: Caller, *, limit: int, before: str | None = None
) -> list[CatalogueImport]:
    """Return imports, newest first; to a holder their own."""
    query = select(CatalogueImport).where(CatalogueImport.tenant_id == caller.tenant_id)
    if caller.holder_id is not None:
        query = query.where(CatalogueImport.holder_id == caller.holder_id)
    if before is not None:
        query = query.where(CatalogueImport.id < before)
    return list(session.exec(query.order_by(col(CatalogueImport.id).desc()).limit(limit)))


def describe(session: Session, row: CatalogueImport) -> dict[str, Any]:
    """Return an import as JSON, with how many of its rows came to what."""
    counted = session.exec(
        select(CatalogueImportRow.state, func.count())
        .where(CatalogueImportRow.import_id == row.id)
        .group_by(col(CatalogueImportRow.state))
    ).all()
    counts = dict.fromkeys(STATES, 0) | dict(counted)
    return {
        "id": row.id,
        "holder_id": row.holder_id,
        "file_name": row.file_name,
        "form": row.form,
        "files_of": row.files_of,
        "dry_run": row.dry_run,
        "state": row.state,
        "problem": row.problem,
        "rows": row.rows,
        "counts": counts,
        "report_url": f"/v1/rights/catalogue-imports/{row.id}/report",
        "created_at": row.created_at.isoformat(),
        "ended_at": row.ended_at.isoformat() if row.ended_at else None,
    }


def rows_of(
    session: Session, row: CatalogueImport, *, state: str | None = None, limit: int | None = None
) -> list[CatalogueImportRow]:
    """Return an import's rows in their order."""
    query = select(CatalogueImportRow).where(CatalogueImportRow.import_id == row.id)
    if state is not None:
        query = query.where(CatalogueImportRow.state == state)
    return list(session.exec(query.order_by(col(CatalogueImportRow.number)).limit(limit)))


def report(
    session: Session, row: CatalogueImport, in_words: Callable[[str], str] | None = None
) -> str:
    """Return what became of each row as CSV that spreadsheets may open; one line an error.

    Parameters
    ----------
    in_words : callable, optional
        Says an error in the language of who reads it; in English without it.
    """
    say = in_words or str
    lines: list[tuple[Any, ...]] = [REPORT]
    for each in rows_of(session, row):
        start = (each.line, each.key, each.fields.get("title", ""), each.state, each.reference_id)
        told = [(wrong["column"], say(wrong["detail"])) for wrong in each.errors] or [("", "")]
        lines += [(*start, *wrong) for wrong in told]
    return written(lines)


# What a worker does


def run_due(service: "Service") -> int:
    """Go on with the oldest import that no other worker holds; return how many rows were done."""
    leased = _lease(service)
    return 0 if leased is None else _go_on(service, leased, SLICE_SECONDS)


def run(service: "Service", import_id: str) -> None:
    """Take one import in to its end, as the command line does."""
    while True:
        with service.database.reading() as session:
            row = session.get_one(CatalogueImport, import_id)
        if row.state not in OPEN:
            return
        if (leased := _lease(service, import_id)) is not None:
            _go_on(service, leased, SLICE_SECONDS)
        else:
            time.sleep(0.2)


def _lease(service: "Service", import_id: str | None = None) -> CatalogueImport | None:
    now = service.now()
    query = select(CatalogueImport).where(
        col(CatalogueImport.state).in_(OPEN),
        or_(col(CatalogueImport.leased_until).is_(None), col(CatalogueImport.leased_until) <= now),
    )
    if import_id is not None:
        query = query.where(CatalogueImport.id == import_id)
    with service.database.reading() as session:
        if session.exec(query.limit(1)).first() is None:
            return None
    with service.database.transaction() as session:
        free = query.order_by(col(CatalogueImport.id)).limit(1).with_for_update(skip_locked=True)
        row = session.exec(free).first()
        if row is not None:
            row.leased_until = now + LEASE
        return row


def _go_on(service: "Service", row: CatalogueImport, seconds: float) -> int:
    """Do rows until the time is over; the lease ends with it, and by itself if the process dies."""
    until, done = time.monotonic() + seconds, 0
    try:
        with _files(service, row) as archive:
            if row.state == "waiting" and not _read(service, row, archive):
                return 0
            while batch := _batch(service, row):
                for each in batch:
                    if not take(service, row, each, archive):
                        _let_go(service, row, REST)  # it may work later, and others wait
                        return done
                    done += 1
                    if time.monotonic() >= until:
                        _let_go(service, row)
                        return done
            _end(service, row)
    except CatalogueFileError as error:
        _end(service, row, str(error))
    except Exception:
        _let_go(service, row, REST)
        raise
    return done


def _let_go(service: "Service", row: CatalogueImport, rest: timedelta | None = None) -> None:
    with service.database.transaction() as session:
        own = session.get(CatalogueImport, row.id, with_for_update=True)
        if own is not None:
            own.leased_until = service.now() + rest if rest else None


@contextmanager
def _files(service: "Service", row: CatalogueImport) -> Iterator[Archive | None]:
    """Open the ZIP in which an import's recordings are; None if there is none."""
    digest = row.file_sha256 if row.form == "zip" else None
    if row.files_of is not None:
        with service.database.reading() as session:
            earlier = session.get(CatalogueImport, row.files_of)
        if earlier is None:
            raise CatalogueFileError("the ZIP of the earlier import is gone: send it again")
        digest = earlier.file_sha256
    if digest is None:
        yield None
        return
    with ExitStack() as stack:
        path: Path = stack.enter_context(service.store.path_or_copy(row.tenant_id, digest))
        archive = Archive(path)
        stack.callback(archive.close)
        yield archive


def _read(service: "Service", row: CatalogueImport, archive: Archive | None) -> bool:
    """Write the rows of the file down; what can't be taken is refused with the reason."""
    rows = _parsed(service, row, archive)
    with service.database.transaction() as session:
        own = session.get_one(CatalogueImport, row.id, with_for_update=True, populate_existing=True)
        if own.leased_until != row.leased_until:
            return False  # it took so long that another worker has it now
        own.leased_until = row.leased_until = service.now() + LEASE
        if own.state != "waiting":
            return own.state == "running"
        own.state, own.rows = "running", len(rows)
        session.add_all(_row_of(own, number, each) for number, each in enumerate(rows, 1))
        return True


def _parsed(service: "Service", row: CatalogueImport, archive: Archive | None) -> list[Row]:
    if row.form == "zip" and archive is not None:
        name, raw = archive.describing(MAX_BYTES)
        return read_ern(raw) if name.lower().endswith(".xml") else read_csv(raw)
    with service.store.open(row.tenant_id, row.file_sha256) as file:
        raw = file.read(MAX_BYTES + 1)
    return read_ern(raw) if row.form == "ern" else read_csv(raw)


def _row_of(own: CatalogueImport, number: int, row: Row) -> CatalogueImportRow:
    return CatalogueImportRow(
        import_id=own.id,
        number=number,
        tenant_id=own.tenant_id,
        holder_id=own.holder_id,
        line=row.line,
        key=row.key,
        fields=without_lyrics(row.fields) if row.errors else row.fields,
        errors=list(row.errors),
        state="refused" if row.errors else "waiting",
        created_at=own.created_at,
    )


def _batch(service: "Service", row: CatalogueImport) -> list[CatalogueImportRow]:
    with service.database.reading() as session:
        return rows_of(session, row, state="waiting", limit=100)


def _end(service: "Service", row: CatalogueImport, problem: str | None = None) -> None:
    now = service.now()
    with service.database.transaction() as session:
        own = session.get_one(CatalogueImport, row.id, with_for_update=True, populate_existing=True)
        if own.state not in OPEN:
            return
        own.state, own.problem, own.ended_at = "failed" if problem else "done", problem, now
        if problem:
            own.problem = problem[:1000]
        data = CatalogueImported(
            holder_id=own.holder_id,
            dry_run=own.dry_run,
            failed=problem is not None,
            counts=describe(session, own)["counts"],
        )
        record(
            session,
            tenant_id=own.tenant_id,
            subject=own.id,
            version=1,
            data=data,
            now=now,
            actor=Actor(own.actor_id, own.actor_role),
        )
