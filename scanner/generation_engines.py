"""What may make takes: each engine and version with its manifest, its test for memorised pieces, its switch.

No engine makes anything before it was tested in the version that is installed, and whoever disables one stops
it at once: nothing new is begun, and what it made that is not out yet goes before a person.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlmodel import Session, col, select

from scanner import engine_child, take_nodes
from scanner.clock import new_id
from scanner.database import Database
from scanner.errors import ForbiddenError, IllegalTransitionError, NotFoundError
from scanner.events import Administered
from scanner.generators import BUILTIN
from scanner.journal import Actor, record
from scanner.tables import GeneratorEngine, Track
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

PACKAGED: Final = Actor("packaged test", "system")
REASON_LENGTH: Final = 500

log = structlog.get_logger()


class EngineState(StrEnum):
    UNTESTED = "untested"
    FAILED = "failed"
    """It repeats what it was trained on: it can't be enabled."""
    DISABLED = "disabled"
    ENABLED = "enabled"


class EngineDisabledError(ForbiddenError):
    """The engine makes nothing: it was not tested, or somebody switched it off."""


@dataclass(frozen=True)
class Known:
    """An engine as it is installed here."""

    name: str
    version: str
    manifest: dict[str, Any]
    test: dict[str, Any] | None


def names(service: "Service") -> list[str]:
    """Return the engines that this installation knows."""
    from generator import ENGINES

    return [*ENGINES, *sorted(set(service.settings.generation_engines) - set(ENGINES))]


def ensure(service: "Service", name: str, *, asking: bool = False) -> GeneratorEngine:
    """Return the row of an engine in the version that is installed; made if there is none.

    The built-in engine comes with the result of its test, which counts if the weights are those tested.

    Parameters
    ----------
    asking : bool
        Whether the built-in engine too is asked for its version, which takes seconds.

    Raises
    ------
    NotFoundError
        If there is no such engine.
    TransientError
        If something that it needs is missing; the message names it.
    """
    if name not in names(service):
        raise NotFoundError(
            "engine",
            Told(
                "of the name %(name)s: %(service)s",
                name=repr(name),
                service=", ".join(names(service)),
            ),
        )
    packaged = engine_child.packaged() if name == BUILTIN and not asking else None
    known = Known(**(packaged or engine_child.manifest(service, name, patient=asking)))
    now = service.now()
    with service.database.reading() as session:
        if (row := _row(session, known)) is not None:
            return row
    with service.database.transaction() as session:
        row = _row(session, known)
        if row is None:
            Database.insert_if_absent(session, _new(known, now, _is_off(session, name)))
            row = _row(session, known)
            assert row is not None
            _note(session, row, "engine.registered", {}, now, PACKAGED)
        return row


def stopped(service: "Service", name: str) -> str | None:
    """Say why an engine makes nothing now; None if it may. One that is new here is looked at first."""
    row = ensure(service, name)
    return _why_not(row)


def require(session: Session, name: str, version: str) -> None:
    """Raise ``EngineDisabledError`` unless an engine may make takes, until the transaction ends."""
    row = _locked(session, name, version)
    why = (
        Told("the engine %(name)s %(version)s is not on record", name=name, version=version)
        if row is None
        else _why_not(row)
    )
    if why is not None:
        raise EngineDisabledError(why)


def is_stopped(session: Session, track: Track) -> str | None:
    """Say why a take's track must not go out, if its engine was switched off since."""
    take = take_nodes.of_track(session, track.id)
    if take is None:
        return None
    row = _locked(session, take.engine, take.engine_version)
    return None if row is None else _why_not(row)


def test(service: "Service", actor: Actor, name: str) -> GeneratorEngine:
    """Run an engine's test for memorised pieces, and keep what it found.

    An engine that was never enabled is afterwards disabled or failed; one that fails is stopped.
    """
    row = ensure(service, name, asking=True)
    result = engine_child.test(service, name)
    now = service.now()
    with service.database.transaction() as session:
        row = session.get_one(GeneratorEngine, row.id, with_for_update=True)
        row.test, row.tested_at = result, now
        if not result["passed"]:
            row.state = EngineState.FAILED
            row.reason = f"{result['repeating']} of {result['takes']} takes repeat a piece"
        elif row.state in {EngineState.UNTESTED, EngineState.FAILED}:
            row.state, row.reason = EngineState.DISABLED, "tested; enable it when you want it"
        _note(session, row, "engine.tested", {"passed": result["passed"]}, now, actor)
        return row


def enable(service: "Service", actor: Actor, name: str, reason: str) -> GeneratorEngine:
    """Let an engine make takes.

    Raises
    ------
    IllegalTransitionError
        If its test was not run, or it failed.
    """
    row = ensure(service, name, asking=True)
    with service.database.transaction() as session:
        row = session.get_one(GeneratorEngine, row.id, with_for_update=True)
        if row.test is None or not row.test["passed"]:
            raise IllegalTransitionError(
                Told(
                    "the engine %(name)s is %(state)s: it is enabled once its test passes, "
                    "`clearance engines test %(name2)s`",
                    name=name,
                    state=row.state,
                    name2=name,
                )
            )
        return _switched(service, session, row, EngineState.ENABLED, reason, actor)


def disable(service: "Service", actor: Actor, name: str, reason: str) -> list[GeneratorEngine]:
    """Stop every version of an engine at once; what it made and is not out goes before a person."""
    if name == BUILTIN:
        ensure(service, name)
    with service.database.transaction() as session:
        rows = session.exec(
            select(GeneratorEngine).where(GeneratorEngine.name == name).with_for_update()
        ).all()
        if not rows:
            raise NotFoundError("engine", Told("of the name %(name)s on record", name=repr(name)))
        log.warning("engine_disabled", engine=name)
        return [
            _switched(service, session, row, EngineState.DISABLED, reason, actor)
            for row in rows
            if row.state == EngineState.ENABLED or row.reason != reason
        ]


def describe(row: GeneratorEngine) -> dict[str, Any]:
    """Return an engine as JSON."""
    return {
        "id": row.id,
        "name": row.name,
        "engine_version": row.engine_version,
        "state": row.state,
        "reason": row.reason,
        "manifest": row.manifest,
        "test": row.test,
        "tested_at": row.tested_at.isoformat() if row.tested_at else None,
        "version": row.version,
        "updated_at": row.updated_at.isoformat(),
    }


def listed(session: Session) -> list[GeneratorEngine]:
    """Return every engine and version on record, by name, the newest first."""
    order = (col(GeneratorEngine.name), col(GeneratorEngine.id).desc())
    return list(session.exec(select(GeneratorEngine).order_by(*order)))


def _locked(session: Session, name: str, version: str) -> GeneratorEngine | None:
    """Return an engine's row; nobody switches it until the transaction ends."""
    query = select(GeneratorEngine).where(
        GeneratorEngine.name == name, GeneratorEngine.engine_version == version
    )
    return session.exec(query.with_for_update(read=True)).first()


def _why_not(row: GeneratorEngine) -> str | None:
    if row.state == EngineState.ENABLED:
        return None
    of = {"name": row.name, "version": row.engine_version, "state": row.state}
    if row.reason:
        return Told(
            "the engine %(name)s %(version)s is %(state)s: %(reason)s", **of, reason=row.reason
        )
    return Told(
        "the engine %(name)s %(version)s is %(state)s: run `clearance engines test %(name)s`", **of
    )


def _row(session: Session, known: Known) -> GeneratorEngine | None:
    return session.exec(
        select(GeneratorEngine).where(
            GeneratorEngine.name == known.name, GeneratorEngine.engine_version == known.version
        )
    ).first()


def _is_off(session: Session, name: str) -> bool:
    """Whether somebody switched an engine off: a new version of it does not come back by itself."""
    query = select(GeneratorEngine.state).where(GeneratorEngine.name == name)
    return not set(session.exec(query)) <= {EngineState.ENABLED}


def _new(known: Known, now: datetime, is_off: bool) -> GeneratorEngine:
    row = GeneratorEngine(
        id=new_id(),
        name=known.name,
        engine_version=known.version,
        state=EngineState.UNTESTED,
        manifest=known.manifest,
        created_at=now,
        updated_at=now,
    )
    if known.test is None or not known.test["passed"] or known.name != BUILTIN:
        return row
    row.test, row.tested_at = known.test, datetime.fromisoformat(known.test["tested_at"])
    row.state, row.reason = EngineState.ENABLED, "its test comes with it"
    if is_off:
        row.state, row.reason = EngineState.DISABLED, "another version of it is switched off"
    return row


def _switched(
    service: "Service",
    session: Session,
    row: GeneratorEngine,
    state: EngineState,
    reason: str,
    actor: Actor,
) -> GeneratorEngine:
    row.state, row.reason = state, reason[:REASON_LENGTH]
    _note(session, row, f"engine.{state}", {}, service.now(), actor)
    return row


def _note(
    session: Session,
    row: GeneratorEngine,
    action: str,
    detail: dict[str, Any],
    now: datetime,
    actor: Actor,
) -> None:
    row.version, row.updated_at = row.version + 1, now
    session.flush()
    told = {"engine": row.name, "engine_version": row.engine_version, "state": row.state}
    record(
        session,
        tenant_id=None,
        subject=row.id,
        version=row.version,
        data=Administered(action=action, object_id=row.id, detail=told | detail),
        now=now,
        actor=actor,
    )
