"""Banks: named parts of a catalogue, on or off, or on for a share of the tracks."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, func, select

from scanner.callers import Caller
from scanner.catalogue import note_names
from scanner.clock import new_id
from scanner.database import Database
from scanner.errors import ConflictError, NotFoundError, ScannerError
from scanner.idempotency import check_version
from scanner.journal import PIPELINE, Actor, record
from scanner.reference_events import BankChanged, BankCreated
from scanner.reference_states import Status
from scanner.tables import Bank, Reference

if TYPE_CHECKING:
    from scanner.service import Service

DEFAULT: Final = "default"
RIGHTS: Final = "rights"
NEGATIVE: Final = "negative"
PUBLIC_DOMAIN: Final = "public_domain"
KINDS: Final = (RIGHTS, NEGATIVE, PUBLIC_DOMAIN)
LONGEST_NAME: Final = 100


class BadBankError(ScannerError):
    """The bank's fields make no sense; the message says which."""


def takes_part(bank_id: str, rollout: float, seed: str) -> bool:
    """Tell whether a bank that is rolled out to a share of the tracks is searched for this one.

    Parameters
    ----------
    bank_id : str
        So that two banks at one half do not choose the same half.
    rollout : float, 0 to 1
        Share of the tracks.
    seed : str
        The track's id, or the SHA-256 of what is only prechecked.

    Returns
    -------
    bool
        The same for the same track, always; who was in stays in while the share grows.
    """
    digest = hashlib.sha256(f"{bank_id}\n{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < int(rollout * 2**64)


def left_out(session: Session, tenant_id: str, seed: str) -> list[str]:
    """Return the ids of the tenant's banks that are not searched for this track, in order."""
    rows = session.exec(
        select(Bank.id, Bank.enabled, Bank.rollout).where(Bank.tenant_id == tenant_id)
    )
    return sorted(
        bank_id
        for bank_id, enabled, rollout in rows
        if not (enabled and takes_part(bank_id, rollout, seed))
    )


def create(
    service: "Service",
    caller: Caller,
    name: str,
    *,
    kind: str = RIGHTS,
    enabled: bool = True,
    rollout: float = 1.0,
) -> Bank:
    """Make a bank.

    Raises
    ------
    BadBankError
        If the name, the kind or the share can't be used.
    ConflictError
        If there is a bank of this name.
    """
    name = _checked(name, kind, rollout)
    with service.database.transaction() as session:
        bank = _new(session, caller.tenant_id, name, service.now(), caller.actor, kind=kind)
        if bank is None:
            raise ConflictError(f"there is a bank {name!r} already: change that one")
        bank.enabled, bank.rollout = enabled, rollout
        return bank


def change(
    service: "Service",
    caller: Caller,
    bank_id: str,
    changes: Mapping[str, Any],
    *,
    expected_version: int | None = None,
) -> Bank:
    """Change a bank's name, or switch it: ``enabled`` and ``rollout`` hold from the next track on.

    Its kind stays: what was decided because of it would no longer be explained.
    """
    allowed = {"name", "enabled", "rollout"}
    if unknown := sorted(set(changes) - allowed):
        raise BadBankError(f"can't change {', '.join(unknown)}; only {', '.join(sorted(allowed))}")
    now = service.now()
    with service.database.transaction() as session:
        find(session, caller.tenant_id, bank_id)
        if "enabled" in changes:
            note_names(session, caller.tenant_id)
        bank = session.get_one(Bank, bank_id, with_for_update=True, populate_existing=True)
        check_version(bank.version, expected_version)
        name = _checked(changes.get("name", bank.name), bank.kind, changes.get("rollout", 1.0))
        if name != bank.name and _by_name(session, caller.tenant_id, name) is not None:
            raise ConflictError(f"there is a bank {name!r} already: choose another name")
        for field, value in {**changes, "name": name}.items():
            setattr(bank, field, value)
        bank.version += 1
        bank.updated_at = now
        record(
            session,
            tenant_id=bank.tenant_id,
            subject=bank.id,
            version=bank.version,
            data=BankChanged(
                name=bank.name,
                enabled=bank.enabled,
                rollout=bank.rollout,
                changed=sorted(changes),
            ),
            now=now,
            actor=caller.actor,
        )
        return bank


def ensured(
    session: Session,
    tenant_id: str,
    name: str | None,
    now: datetime,
    actor: Actor = PIPELINE,
) -> Bank:
    """Return the bank of a name, or the default one, which is made when it is first needed.

    Raises
    ------
    BadBankError
        If there is no bank of this name.
    """
    known = _by_name(session, tenant_id, name or DEFAULT)
    if known is None and name in {None, DEFAULT}:
        known = _new(session, tenant_id, DEFAULT, now, actor) or _by_name(
            session, tenant_id, DEFAULT
        )
    if known is None:
        raise _missing(name)
    return known


def of_peer(
    session: Session,
    tenant_id: str,
    name: str,
    kind: str,
    peer_key: str,
    now: datetime,
    actor: Actor,
) -> Bank:
    """Return the bank of what a peer shared; made when the peer first shares something.

    Raises
    ------
    ConflictError
        If there is a bank of this name that is not this peer's, or of another kind.
    """
    name = _checked(name, kind, 1.0)
    known = _by_name(session, tenant_id, name)
    if known is None:
        _new(session, tenant_id, name, now, actor, kind=kind, peer_key=peer_key)
        known = _by_name(session, tenant_id, name)
    if known is None or (known.peer_key, known.kind) != (peer_key, kind):
        raise ConflictError(
            f"the bank {name!r} is not of this peer and kind: name another one for what it shares (--bank)"
        )
    return known


def find(session: Session, tenant_id: str, bank_id: str) -> Bank:
    """Return the tenant's bank, or raise ``NotFoundError``: another tenant's reads the same."""
    bank = session.get(Bank, bank_id)
    if bank is None or bank.tenant_id != tenant_id:
        raise NotFoundError("bank", bank_id)
    return bank


def named(session: Session, tenant_id: str, name: str) -> Bank:
    """Return the tenant's bank of this name, or raise ``BadBankError``."""
    bank = _by_name(session, tenant_id, name)
    if bank is None:
        raise _missing(name)
    return bank


def kind_of(session: Session, tenant_id: str, name: str | None) -> str:
    """Return the kind of the bank of a name; of the default bank also before there is one."""
    known = _by_name(session, tenant_id, name or DEFAULT)
    if known is None and name not in {None, DEFAULT}:
        raise _missing(name)
    return known.kind if known is not None else RIGHTS


def listed(
    session: Session, tenant_id: str, *, limit: int = 200, after: str | None = None
) -> list[Bank]:
    """Return banks, oldest first; ``after`` is the last one's id."""
    query = select(Bank).where(Bank.tenant_id == tenant_id)
    if after is not None:
        query = query.where(Bank.id > after)
    return list(session.exec(query.order_by(col(Bank.id)).limit(limit)))


def describe(session: Session, banks: Sequence[Bank]) -> list[dict[str, Any]]:
    """Return banks as JSON objects, with how many of their references can be found."""
    counted = dict(
        session.exec(
            select(Reference.bank_id, func.count())
            .where(
                col(Reference.bank_id).in_([bank.id for bank in banks]),
                Reference.status == Status.ACTIVE,
            )
            .group_by(col(Reference.bank_id))
        ).all()
    )
    return [
        {
            "id": bank.id,
            "name": bank.name,
            "kind": bank.kind,
            "enabled": bank.enabled,
            "rollout": bank.rollout,
            "peer_key": bank.peer_key,
            "references": counted.get(bank.id, 0),
            "version": bank.version,
            "created_at": bank.created_at.isoformat(),
            "updated_at": bank.updated_at.isoformat(),
        }
        for bank in banks
    ]


def _missing(name: str | None) -> BadBankError:
    return BadBankError(f"there is no bank {name!r}: make it first, or name another one")


def _by_name(session: Session, tenant_id: str, name: str) -> Bank | None:
    return session.exec(select(Bank).where(Bank.tenant_id == tenant_id, Bank.name == name)).first()


def _new(
    session: Session,
    tenant_id: str,
    name: str,
    now: datetime,
    actor: Actor,
    *,
    kind: str = RIGHTS,
    peer_key: str | None = None,
) -> Bank | None:
    """Insert a bank; None if one of this name is there or comes at the same moment."""
    new = Bank(
        id=new_id(),
        tenant_id=tenant_id,
        name=name,
        kind=kind,
        peer_key=peer_key,
        created_at=now,
        updated_at=now,
    )
    Database.insert_if_absent(session, new)
    bank = session.get(Bank, new.id)
    if bank is not None:
        record(
            session,
            tenant_id=tenant_id,
            subject=bank.id,
            version=bank.version,
            data=BankCreated(name=name, kind=kind, peer_key=peer_key),
            now=now,
            actor=actor,
        )
    return bank


def _checked(name: str, kind: str, rollout: float) -> str:
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadBankError(f"a bank's name has 1 to {LONGEST_NAME} printable characters")
    if kind not in KINDS:
        raise BadBankError(f"kind {kind!r} is none of {', '.join(KINDS)}")
    if not 0 <= rollout <= 1:
        raise BadBankError(f"rollout {rollout} is no share of the tracks: give 0 to 1")
    return name
