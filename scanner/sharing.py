"""References that peers share: signed bundles out and in, and opinions on them back.

The format of the files is `scanner/signed_lines.py`; what is in their lines, `docs/sharing.md`.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlmodel import Session, col, select

import fingerprint
from scanner import banks, reference_checks, references, signed_lines, upkeep
from scanner.callers import Caller
from scanner.declarations import Declaration, DeclarationError
from scanner.errors import NotFoundError
from scanner.reference_events import ReferenceOpinionReceived
from scanner.reference_history import record_change
from scanner.reference_states import Status
from scanner.secrets import SecretKeyError
from scanner.signed_lines import BadBundleError
from scanner.tables import Bank, Holder, Reference, ReferenceExclusion, ReferenceOpinion, Tenant

if TYPE_CHECKING:
    from scanner.service import Service

REFERENCES: Final = "clearance-references/1"
OPINIONS: Final = "clearance-opinions/1"
KEY_NAME: Final = "sharing.key"


class SharedPart(BaseModel):
    """An excluded part of a shared reference, in seconds."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    start_s: Annotated[float, Field(ge=0)]
    end_s: Annotated[float, Field(gt=0)]


class SharedReference(BaseModel):
    """One line of a bundle."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    id: Annotated[str, Field(min_length=1, max_length=100)]
    title: Annotated[str, Field(min_length=1, max_length=300)]
    holder: Annotated[str, Field(min_length=1, max_length=150)] | None = None
    policy: Literal["block", "monetise", "track"]
    isrc: str | None = None
    territories: Annotated[list[str], Field(max_length=300)] = []
    exclusions: Annotated[list[SharedPart], Field(max_length=1000)] = []
    fingerprint: dict[str, Any]


class SharedOpinion(BaseModel):
    """One line of a file of opinions."""

    model_config = ConfigDict(extra="ignore")

    id: Annotated[str, Field(min_length=1, max_length=100)]
    opinion: Literal["confirmed", "deconfirmed"]
    reason: Annotated[str, Field(max_length=500)] = ""


def own_key(service: "Service") -> Ed25519PrivateKey:
    """Return the key this installation signs with; made, readable by its owner only, when needed.

    Raises
    ------
    SecretKeyError
        If others may read the file, or it holds no such key.
    """
    path = service.settings.home / KEY_NAME
    if not path.exists():
        pem = Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        part = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, path)  # never over one that came meanwhile
        except FileExistsError:
            pass
        finally:
            part.unlink()
    if path.stat().st_mode & 0o077:
        raise SecretKeyError(f"{path.name} can be read by others: chmod 600 it")
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except ValueError:
        raise SecretKeyError(f"{path.name} holds no Ed25519 key: put the right one back") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SecretKeyError(f"{path.name} holds no Ed25519 key: put the right one back")
    return key


def export_references(
    service: "Service", caller: Caller, bank_name: str, path: Path
) -> dict[str, Any]:
    """Write a bank's own active references into a signed bundle."""
    key = own_key(service)
    with service.database.reading() as session:
        bank = banks.named(session, caller.tenant_id, bank_name)
        tenant = session.get_one(Tenant, caller.tenant_id)
        rows = session.exec(
            select(Reference, Holder)
            .join(Holder, col(Holder.id) == col(Reference.holder_id))
            .where(
                Reference.bank_id == bank.id,
                Reference.status == Status.ACTIVE,
                col(Reference.peer_key).is_(None),  # what others shared is theirs to share
            )
            .order_by(col(Reference.id))
        ).all()
        parts = _parts(session, bank)
    if not rows:
        raise BadBundleError(f"the bank {bank_name!r} holds no active reference of your own")
    head = {
        "from": tenant.name,
        "bank": bank.name,
        "kind": bank.kind,
        "exported_at": service.now().isoformat(),
    }
    lines = (
        {
            "id": reference.id,
            "title": reference.title,
            "holder": holder.name[:150] if holder.named else None,
            "policy": reference.policy,
            "isrc": reference.isrc,
            "territories": reference.territories,
            "exclusions": parts.get(reference.id, []),
            "fingerprint": service.catalogue.print_of(reference).to_json(),
        }
        for reference, holder in rows
    )
    digest = signed_lines.write(path, REFERENCES, head, lines, len(rows), key)
    return {"references": len(rows), "key": signed_lines.public_half(key), "sha256": digest}


def import_references(
    service: "Service",
    caller: Caller,
    path: Path,
    trusted: str,
    *,
    bank_name: str | None = None,
    kind: str = banks.RIGHTS,
) -> tuple[int, Iterator[dict[str, Any]]]:
    """Verify a bundle and take its references into a bank of the peer's.

    They are checked as every new reference is; nobody vouches for them here, so alone they never
    block a track without a person. One that is there already, retired or not, stays as it is,
    but for what its fingerprint lacks: :func:`scanner.reference_checks.renew_shared`.

    Parameters
    ----------
    trusted : str
        The peer's public key, 64 hexadecimal digits.
    bank_name : str, optional
        Name of the bank; else the peer's own name.
    kind : str
        What the bundle's bank must be: a peer's word that something is harmless takes claims away.

    Returns
    -------
    int, iterator
        How many references there are; one object each, as it is durable. ``without`` names the parts
        of its fingerprint that are of other models than those here, so that altered copies (without
        an embedding or a constellation) or other performances (without tones) are not found.
    """
    trusted = signed_lines.checked_key(trusted)
    lines = signed_lines.read(path, REFERENCES, trusted)
    head = next(lines)
    if head.get("kind") != kind:
        raise BadBundleError(
            f"the bundle holds a bank of the kind {str(head.get('kind'))[:30]!r}, not {kind!r}: "
            "say so with --kind if that is meant"
        )
    peer = str(head.get("from") or trusted[:16])[: banks.LONGEST_NAME]
    with service.database.transaction() as session:
        bank = banks.of_peer(
            session,
            caller.tenant_id,
            bank_name or peer,
            kind,
            trusted,
            service.now(),
            caller.actor,
        )
    results = (_take_in(service, caller, bank, peer, trusted, line) for line in lines)
    return int(head["count"]), results


def export_opinions(
    service: "Service", caller: Caller, bank_name: str, path: Path
) -> dict[str, Any]:
    """Write what people here think of a peer's references into a signed file for that peer."""
    key = own_key(service)
    with service.database.reading() as session:
        bank = banks.named(session, caller.tenant_id, bank_name)
        tenant = session.get_one(Tenant, caller.tenant_id)
        rows = session.exec(
            select(Reference)
            .where(
                Reference.tenant_id == caller.tenant_id,
                Reference.peer_key == bank.peer_key,
                col(Reference.opinion).is_not(None),
            )
            .order_by(col(Reference.id))
        ).all()
    if bank.peer_key is None or not rows:
        raise BadBundleError(f"nobody here has judged a shared reference of {bank_name!r}")
    head = {
        "from": tenant.name,
        "to": bank.peer_key,
        "exported_at": service.now().isoformat(),
    }
    lines = (
        {
            "id": row.origin_id,
            "opinion": row.opinion,
            "reason": row.extra.get("opinion_reason", ""),
        }
        for row in rows
    )
    digest = signed_lines.write(path, OPINIONS, head, lines, len(rows), key)
    return {"opinions": len(rows), "key": signed_lines.public_half(key), "sha256": digest}


def import_opinions(service: "Service", caller: Caller, path: Path, trusted: str) -> dict[str, int]:
    """Count what a peer thinks of references that came from here; nothing else changes.

    Returns
    -------
    dict
        How many were ``taken``, were ``known`` already, and are of an ``unknown`` reference.
    """
    trusted = signed_lines.checked_key(trusted)
    lines = signed_lines.read(path, OPINIONS, trusted)
    head = next(lines)
    own = signed_lines.public_half(own_key(service))
    if head.get("to") != own:
        raise BadBundleError("these opinions are about another peer's references")
    counts = {"taken": 0, "known": 0, "unknown": 0}
    for line in lines:
        try:
            opinion = SharedOpinion.model_validate(line)
        except ValidationError as error:
            raise BadBundleError(f"a line is no opinion: {_what(error)}") from None
        counts[_count(service, caller, trusted, opinion)] += 1
    return counts


def _count(service: "Service", caller: Caller, peer_key: str, opinion: SharedOpinion) -> str:
    now = service.now()
    with service.database.transaction() as session:
        try:
            reference = references.locked(session, caller.tenant_id, opinion.id)
        except NotFoundError:
            return "unknown"
        known = session.get(ReferenceOpinion, (reference.id, peer_key))
        if known is not None and (known.verdict, known.reason) == (
            opinion.opinion,
            opinion.reason,
        ):
            return "known"
        row = known or ReferenceOpinion(
            reference_id=reference.id,
            peer_key=peer_key,
            tenant_id=reference.tenant_id,
            verdict=opinion.opinion,
            at=now,
        )
        row.verdict, row.reason, row.at = opinion.opinion, opinion.reason, now
        session.add(row)
        data = ReferenceOpinionReceived(
            peer_key=peer_key, opinion=opinion.opinion, reason=opinion.reason
        )
        record_change(session, reference, data, now, caller.actor)
        return "taken"


def _take_in(
    service: "Service",
    caller: Caller,
    bank: Bank,
    peer: str,
    peer_key: str,
    line: dict[str, Any],
) -> dict[str, Any]:
    """Take one reference in; what can't be read is told and the rest goes on."""
    origin_id = str(line.get("id"))[:100]
    try:
        wanted = SharedReference.model_validate(line)
        print_ = fingerprint.Fingerprint.from_json(wanted.fingerprint, other_models=True)
        if print_.duration > service.settings.max_duration_seconds:
            raise references.BadReferenceError(
                f"it is of {print_.duration:.0f} s of audio, and at most "
                f"{service.settings.max_duration_seconds:.0f} s are accepted"
            )
        codes = Declaration.parse({"isrc": wanted.isrc, "territories": wanted.territories})
        for part in wanted.exclusions:
            upkeep.check_part(part.start_s, part.end_s, print_.duration)
    except ValidationError as error:
        return _unreadable(origin_id, _what(error))
    except (
        fingerprint.InvalidFingerprintError,
        DeclarationError,
        references.BadReferenceError,
    ) as error:
        return _unreadable(origin_id, str(error))
    with service.database.reading() as session:
        known = reference_checks.shared(session, caller.tenant_id, peer_key, wanted.id)
    if known is not None:
        now = reference_checks.renew_shared(service, caller, known, print_)
        same = now.fingerprint_sha256 == known.fingerprint_sha256
        return _result(now, "known" if same else "renewed")
    blob = service.store.put_bytes(caller.tenant_id, print_.to_bytes())
    new = reference_checks.New(
        title=wanted.title,
        duration=print_.duration,
        fingerprint_sha256=blob.sha256,
        # Not the holder of that name here, nor another peer's: see `holders.known`.
        holder=f"{wanted.holder or wanted.title[:100]} (via {peer[:40]})",
        policy=wanted.policy,
        isrc=codes.isrc,
        territories=tuple(codes.territories),
        bank=bank.name,
        peer_key=peer_key,
        origin_id=wanted.id,
    )
    parts = tuple((part.start_s, part.end_s) for part in wanted.exclusions)
    added = reference_checks.take_in(service, caller, new, print_, excluded=parts)
    return _result(added, "added") | {"without": sorted(print_.left_out)}


def _parts(session: Session, bank: Bank) -> dict[str, list[dict[str, float]]]:
    found: dict[str, list[dict[str, float]]] = {}
    rows = session.exec(
        select(ReferenceExclusion)
        .join(Reference, col(Reference.id) == col(ReferenceExclusion.reference_id))
        .where(Reference.bank_id == bank.id)
    )
    for part in rows:
        found.setdefault(part.reference_id, []).append(
            {"start_s": part.start_s, "end_s": part.end_s}
        )
    return found


def _result(reference: Reference, what: str) -> dict[str, Any]:
    return {
        "origin_id": reference.origin_id,
        "reference_id": reference.id,
        "result": what,
        "status": reference.status,
        "conflicts": reference.conflicts,
    }


def _unreadable(origin_id: str, detail: str) -> dict[str, Any]:
    return {"origin_id": origin_id, "error": {"type": "bad-reference", "detail": detail}}


def _what(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, each['loc']))}: {each['msg']}"
        for each in error.errors(include_input=False, include_url=False)[:5]
    )
