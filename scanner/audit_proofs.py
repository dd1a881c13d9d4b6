"""Proofs of what happened to an object, which anybody can check offline, and who may have one.

A proof holds the object's records as they may be shown, each with the hash of its seal and its path in the
Merkle tree of its chain, and one checkpoint whose signed root all paths must lead to.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

import appeals
from appeals.matter_tables import MatterRow
from scanner import checkpoints, parties
from scanner.audit_blocks import Blocks
from scanner.audit_leaves import data_digest, leaf_of, view_of
from scanner.callers import Caller
from scanner.checkpoints import BadCheckpointError, Checkpoint
from scanner.clockwork import ROWS
from scanner.errors import NotFoundError, ScannerError
from scanner.merkle import root_of
from scanner.pseudonyms import sees_ids
from scanner.tables import (
    Account,
    Case,
    Claim,
    Dispute,
    Evidence,
    JournalRow,
    JournalSeal,
    Letter,
    Notice,
    Track,
    User,
)

if TYPE_CHECKING:
    from scanner.service import Service

FORMAT: Final = "clearance-proof-1"


class BadProofError(ScannerError):
    """A proof does not prove what it says; the message says why."""


class Hidden:
    """Shows records to a caller: staff by their pseudonyms, unless it is an auditor."""

    def __init__(self, service: "Service", session: Session, caller: Caller) -> None:
        self._open = sees_ids(caller)
        self._pseudonyms = service.pseudonyms
        self._own = service.pseudonyms.on(caller.tenant_id)
        staff = [] if self._open else session.exec(select(User.id)).all()
        self._staff = {each: self._own.of(each) for each in staff}

    def actor(self, row: JournalRow, seal: JournalSeal | None) -> str:
        """Return who did it, as the record's checkpoint has it."""
        return (
            row.actor
            if self._open
            else self._pseudonyms.sealed(row, seal).actor(row.actor, row.role)
        )

    def data(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return what is told of it."""
        shown: dict[str, Any] = self._own.hidden(data, self._staff)
        return shown


def last_checkpoint(service: "Service", chain: str) -> Checkpoint:
    """Return a chain's last checkpoint, or raise ``NotFoundError``."""
    found = checkpoints.last_whole(checkpoints.folder_of(service), checkpoints.public_key(service))
    if chain not in found:
        raise NotFoundError("checkpoint", "yet: they are written every hour")
    return found[chain]


def make(service: "Service", caller: Caller, object_id: str) -> dict[str, Any]:
    """Return the proof of what happened to an object.

    Raises
    ------
    NotFoundError
        If there is no such object, or the caller is no party to it.
    ForbiddenError
        If the key has neither scope.
    """
    with service.database.reading() as session:
        _check_party(session, caller, object_id)
        found = session.exec(
            select(JournalRow, JournalSeal)
            .outerjoin(JournalSeal, col(JournalSeal.journal_id) == col(JournalRow.id))
            .where(JournalRow.subject == object_id, JournalRow.tenant_id == caller.tenant_id)
            .order_by(col(JournalRow.version))
        ).all()
        if not found:
            raise NotFoundError("proof", "of this id")
        files, sealed = _evidence(session, object_id)
        hidden = Hidden(service, session, caller)
    try:
        checkpoint = last_checkpoint(service, caller.tenant_id)
    except NotFoundError:
        checkpoint = None
    size = checkpoint.size if checkpoint else 0
    proved = [(row, seal) for row, seal in found if seal is not None and seal.sequence <= size]
    blocks = None
    if checkpoint is not None and proved:
        root = str(checkpoint.statement["root"])
        blocks = Blocks(service, caller.tenant_id, size, root)
    return {
        "format": FORMAT,
        "object": object_id,
        "rows": [_proved(service, hidden, row, seal, blocks) for row, seal in proved if blocks],
        "checkpoint": checkpoint.to_json() if checkpoint else None,
        "waiting": len(found) - len(proved),
        "evidence": files,
        "sealed_evidence": sealed,
    }


def check(proof: Any, key: str | None = None) -> list[dict[str, Any]]:
    """Check a proof by itself; return its records.

    Parameters
    ----------
    key : str, optional
        The public key that must have signed the checkpoint, 64 hexadecimal digits; else the one that it names.

    Raises
    ------
    BadProofError
        Saying what does not fit.
    """
    try:
        checkpoint_key = key or str(proof["checkpoint"]["statement"]["key"])
        checkpoint = checkpoints.parsed(proof["checkpoint"], checkpoint_key)
        if proof["format"] != FORMAT:
            raise BadProofError(f"this is no {FORMAT}")
        rows = [_checked(each, checkpoint, str(proof["object"])) for each in proof["rows"]]
    except BadCheckpointError as error:
        raise BadProofError(str(error)) from None
    except (KeyError, TypeError, ValueError) as error:
        raise BadProofError(f"this is no whole proof: {error}") from None
    if not rows:
        raise BadProofError("it has no record that a checkpoint covers: ask again in an hour")
    return rows


def _checked(each: Mapping[str, Any], checkpoint: Checkpoint, object_id: str) -> dict[str, Any]:
    view, sequence = dict(each["record"]), int(each["sequence"])
    place = f"record {sequence}"
    if view["subject"] != object_id or (view["tenant"] or "system") != checkpoint.chain:
        raise BadProofError(f"{place} is about something else")
    if each["data"] is not None and data_digest(each["data"]) != view["data_sha256"]:
        raise BadProofError(f"{place}: its data were changed")
    siblings = [bytes.fromhex(one) for one in each["path"]]
    root = root_of(leaf_of(each["seal"], view), sequence - 1, checkpoint.size, siblings)
    if root.hex() != checkpoint.statement["root"]:
        raise BadProofError(f"{place} is not what was signed")
    return view


def _proved(
    service: "Service",
    hidden: Hidden,
    row: JournalRow,
    seal: JournalSeal,
    blocks: Blocks,
) -> dict[str, Any]:
    named = hidden.data(row.data) != row.data  # names staff: its digest is all that is given
    return {
        "record": view_of(row, seal, service.pseudonyms),
        "data": None if named else row.data,
        "sequence": seal.sequence,
        "seal": seal.hash,
        "path": [each.hex() for each in blocks.path(seal.sequence - 1)],
    }


def _evidence(session: Session, object_id: str) -> tuple[list[dict[str, Any]], int]:
    """Return what was put forward in a matter, and how much of it is sealed until the matter is over."""
    files = session.exec(
        select(Evidence).where(Evidence.matter_id == object_id).order_by(col(Evidence.id))
    ).all()
    found: list[Any] = [session.get(model, object_id) for model in ROWS.values()]
    matter = next((each for each in found if each is not None), None)
    if matter is None or not files:
        return [], 0
    if not is_over(matter):
        return [], len(files)
    wanted = {"id", "by_kind", "name", "media_type", "sha256", "size_bytes", "created_at"}
    return [each.model_dump(mode="json", include=wanted) for each in files], 0


def is_over(matter: MatterRow | Case) -> bool:
    """Tell whether a matter has come to its end."""
    if isinstance(matter, Notice) and matter.state == "closed":
        return True  # it may be taken back still, and nobody argues about it
    return matter.state in {str(state) for state in appeals.MACHINES[matter.KIND].final}


def _check_party(session: Session, caller: Caller, object_id: str) -> None:
    party = caller.account_id or caller.holder_id or caller.flagger_id
    if party is None:
        caller.require("audit:read")
        parties.journal_reader(caller)
        return
    caller.require("contest:read")
    if party not in _parties(session, caller.tenant_id, object_id):
        raise NotFoundError("proof", "of this id")


def _parties(session: Session, tenant_id: str, object_id: str) -> set[str | None]:
    """Return the accounts, rights holders and flaggers whose matter an object is."""
    for model in (Account, Track, Letter, *(m for m in ROWS.values() if m is not Case)):
        row: Any = session.get(model, object_id)
        if row is None or row.tenant_id != tenant_id:
            continue
        if isinstance(row, Account):
            return {row.id}
        if isinstance(row, Letter):
            return {row.recipient_id}
        found = {getattr(row, name, None) for name in ("account_id", "holder_id", "flagger_id")}
        found.add(getattr(row, "filed_by", None))
        if isinstance(row, Dispute) and (claim := session.get(Claim, row.claim_id)):
            found.add(claim.holder_id)
        track_id = getattr(row, "track_id", None)
        if not isinstance(row, Notice) and track_id and (track := session.get(Track, track_id)):
            found.add(track.account_id)
        return found - {None}
    return set()
