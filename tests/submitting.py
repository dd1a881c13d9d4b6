"""Tracks that are submitted and decided without a bus, for tests."""

from pathlib import Path

from sqlmodel import select

from scanner import inline, track_views, tracks
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.declarations import Declaration
from scanner.service import Service
from scanner.tables import Case, StatementOfReasons


def submit(service: Service, caller: Caller, path: Path, **declared: object) -> str:
    blob = service.store.put_file(caller.tenant_id, path)
    source = tracks.Source(sha256=blob.sha256, size_bytes=blob.size, file_name=path.name)
    return tracks.submit(
        service, caller, source, Declaration.parse(declared), entrance="cli", key=new_id()
    )


def view(service: Service, caller: Caller, track_id: str) -> dict:
    with service.database.reading() as session:
        return track_views.describe(session, [tracks.find(session, caller.tenant_id, track_id)])[0]


def decided(service: Service, caller: Caller, path: Path, **declared: object) -> dict:
    track_id = submit(service, caller, path, **declared)
    inline.drive(service, track_id, 60)
    return view(service, caller, track_id)


def statements(service: Service) -> list[StatementOfReasons]:
    with service.database.reading() as session:
        return list(session.exec(select(StatementOfReasons)))


def cases(service: Service) -> list[Case]:
    with service.database.reading() as session:
        return list(session.exec(select(Case)))
