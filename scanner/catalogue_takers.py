"""What is done with one row of a catalogue file: a recording is added, changed, or left as it is."""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select

import fingerprint
from scanner import holder_catalogue, keys
from scanner.audio import AudioError
from scanner.callers import Caller
from scanner.catalogue_archives import Archive, Taken
from scanner.catalogue_rows import CatalogueFileError, error
from scanner.database import is_transient
from scanner.errors import BusyError, NotFoundError, ScannerError, TransientError
from scanner.journal import Actor
from scanner.reference_states import Status
from scanner.store import StoreError
from scanner.tables import CatalogueImport, CatalogueImportRow, Reference
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

TRIES: Final = 20
"""Slices after which a row is refused that failed in each for a reason that might have passed."""

log = structlog.get_logger()


class RowError(ScannerError):
    """A row can't be done; ``column`` says where to look."""

    def __init__(self, column: str, detail: str) -> None:
        super().__init__(detail)
        self.column = column


def take(
    service: "Service", job: CatalogueImport, row: CatalogueImportRow, archive: Archive | None
) -> int:
    """Do one row and write down what became of it; a repeat does the same.

    Returns
    -------
    int
        1 if it is settled, 0 if it is to be tried again later.
    """
    try:
        state, reference_id = _done(service, job, row, archive)
        return _settle(service, row, state, reference_id)
    except (TransientError, BusyError, StoreError, DBAPIError) as wrong:
        if isinstance(wrong, DBAPIError) and not is_transient(wrong):
            raise
        if row.tries + 1 < TRIES:
            return _put_off(service, row, wrong)
        told = error("row", "it could not be done now: send the row again later")
        return _settle(service, row, "refused", None, told)
    except RowError as wrong:
        return _settle(service, row, "refused", None, error(wrong.column, str(wrong)))
    except (AudioError, fingerprint.FingerprintError, CatalogueFileError) as wrong:
        return _settle(service, row, "refused", None, error("file", str(wrong)))
    except ScannerError as wrong:
        return _settle(service, row, "refused", None, error("row", str(wrong)))
    except Exception:
        log.exception("catalogue_row_failed", job=row.import_id, row=row.number)
        told = error("row", "the service failed on it: tell the operator, with the import's id")
        return _settle(service, row, "refused", None, told)


def _done(
    service: "Service", job: CatalogueImport, row: CatalogueImportRow, archive: Archive | None
) -> tuple[str, str | None]:
    caller = caller_of(job)
    fields: dict[str, Any] = row.fields
    with service.database.reading() as session:
        known = _known(session, caller, row)
    name = fields.get("file")
    if name is not None and (archive is None or not archive.has(name)):
        raise RowError("file", "there is no such file in the ZIP: write its path as it is there")
    if known is None:
        return _added(service, job, caller, row, archive)
    with ExitStack() as stack:
        if name is not None and archive is not None and known.audio_sha256 is not None:
            taken = stack.enter_context(archive.taken(name, service.settings))
            _same(known, taken)
    with service.database.reading() as session:
        changes = holder_catalogue.differences(session, known, fields)
    if changes and not job.dry_run:
        holder_catalogue.change(service, caller, job.holder_id, known.id, fields)
    return ("changed" if changes else "known"), known.id


def _added(
    service: "Service",
    job: CatalogueImport,
    caller: Caller,
    row: CatalogueImportRow,
    archive: Archive | None,
) -> tuple[str, str | None]:
    fields: dict[str, Any] = row.fields
    name = fields.get("file")
    if name is None or archive is None:
        raise RowError(
            "file", "it is not in the catalogue yet: send its sound in a ZIP, and name it here"
        )
    if "policy" not in fields:
        raise RowError("policy", "say what is to happen on a match: block, monetise or track")
    if job.dry_run:
        return "added", None
    with archive.taken(name, service.settings) as taken:
        made = holder_catalogue.add(
            service,
            caller,
            job.holder_id,
            taken.path,
            fields,
            file_name=name.rpartition("/")[2],
            sha256=taken.sha256,
            operator=caller.actor == keys.OPERATOR,
        )
    return "added", made.id


def caller_of(job: CatalogueImport) -> Caller:
    """Return who sent an import, for whose holder alone it acts."""
    return Caller(
        job.tenant_id,
        Actor(job.actor_id, job.actor_role),
        frozenset({"rights:read", "rights:write"}),
        holder_id=job.holder_id,
    )


def _known(session: Session, caller: Caller, row: CatalogueImportRow) -> Reference | None:
    """Return the recording that a row is about: by id, by the holder's own name for it, by ISRC."""
    fields: dict[str, Any] = row.fields
    if "reference_id" in fields:
        try:
            return holder_catalogue.find(session, caller, row.holder_id, fields["reference_id"])
        except NotFoundError:
            raise RowError("reference_id", "no recording of yours has this id") from None
    before = (
        select(Reference)
        .join(CatalogueImportRow, col(CatalogueImportRow.reference_id) == col(Reference.id))
        .where(
            CatalogueImportRow.tenant_id == row.tenant_id,
            CatalogueImportRow.holder_id == row.holder_id,
            CatalogueImportRow.key == row.key,
            Reference.holder_id == row.holder_id,
            Reference.status != Status.RETIRED,
        )
    )
    by_key = session.exec(
        before.order_by(col(CatalogueImportRow.import_id).desc()).limit(1)
    ).first()
    if by_key is not None or "isrc" not in fields:
        return by_key
    found = session.exec(
        select(Reference)
        .where(
            Reference.tenant_id == row.tenant_id,
            Reference.holder_id == row.holder_id,
            Reference.isrc == fields["isrc"],
            Reference.status != Status.RETIRED,
        )
        .limit(2)
    ).all()
    if len(found) > 1:
        raise RowError(
            "isrc", "several recordings of yours have it: name the one by its reference_id"
        )
    return found[0] if found else None


def _same(known: Reference, taken: Taken) -> None:
    if known.audio_sha256 != taken.sha256:
        raise RowError(
            "file",
            Told(
                "%(id)s has another sound: retire it first, or give this one another key",
                id=known.id,
            ),
        )


def _settle(
    service: "Service",
    row: CatalogueImportRow,
    state: str,
    reference_id: str | None,
    *errors: dict[str, str],
) -> int:
    with service.database.transaction() as session:
        own = session.get_one(CatalogueImportRow, (row.import_id, row.number), with_for_update=True)
        own.state, own.reference_id = state, reference_id
        own.fields = without_lyrics(own.fields)
        own.errors = [*own.errors, *errors]
    return 1


def without_lyrics(fields: dict[str, Any]) -> dict[str, Any]:
    """Return what stays of a row that is settled: lyrics are their reference's, and go with it."""
    return {name: value for name, value in fields.items() if name != "lyrics"}


def _put_off(service: "Service", row: CatalogueImportRow, wrong: Exception) -> int:
    log.warning("catalogue_row_put_off", job=row.import_id, row=row.number, detail=str(wrong)[:300])
    with service.database.transaction() as session:
        session.get_one(
            CatalogueImportRow, (row.import_id, row.number), with_for_update=True
        ).tries += 1
    return 0
