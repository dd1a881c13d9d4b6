"""Keys by which a platform signs its messages on the bus: made, listed, revoked.

Only the public half is kept; the private one is returned once, by the function that makes it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from scanner.clock import new_id
from scanner.errors import NotFoundError
from scanner.journal import Actor
from scanner.keys import OPERATOR, administered, named
from scanner.tables import SigningKey, Tenant

if TYPE_CHECKING:
    from scanner.service import Service


def create(
    service: "Service", tenant_id: str, name: str, actor: Actor = OPERATOR
) -> tuple[SigningKey, str]:
    """Make an Ed25519 key pair (RFC 8032) for messages on the bus.

    Returns
    -------
    SigningKey, str
        What is kept, and the private key in PEM (PKCS #8), this once.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    now = service.now()
    key = SigningKey(
        id=new_id(),
        tenant_id=tenant_id,
        name=named(name),
        public_key=public.decode(),
        created_at=now,
    )
    with service.database.transaction() as session:
        if session.get(Tenant, tenant_id) is None:
            raise NotFoundError("tenant", tenant_id)
        session.add(key)
        administered(session, tenant_id, key.id, 1, "signing_key.created", now, actor)
    return key, pem


def listed(session: Session, tenant_id: str) -> Sequence[SigningKey]:
    """Return a platform's signing keys, newest first."""
    own = select(SigningKey).where(SigningKey.tenant_id == tenant_id)
    return session.exec(own.order_by(col(SigningKey.id).desc())).all()


def revoke(service: "Service", tenant_id: str, key_id: str, actor: Actor = OPERATOR) -> SigningKey:
    """End a signing key's life: messages that carry its tokens are refused from now on."""
    now = service.now()
    with service.database.transaction() as session:
        key = session.get(SigningKey, key_id, with_for_update=True)
        if key is None or key.tenant_id != tenant_id:
            raise NotFoundError("key", key_id)
        if key.revoked_at is None:
            key.revoked_at = now
            administered(session, tenant_id, key.id, 2, "signing_key.revoked", now, actor)
        return key


def describe(key: SigningKey) -> dict[str, Any]:
    """Return a signing key as JSON."""
    return {
        "id": key.id,
        "name": key.name,
        "hint": "",
        "scopes": [],
        "kind": "signing",
        "version": 1 if key.revoked_at is None else 2,
        "created_at": key.created_at.isoformat(),
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
        "expires_at": None,
        "used_at": None,
    }
