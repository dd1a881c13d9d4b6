"""The Milvus of the settings, and how collections are called there."""

import hashlib
import re

import fingerprint
from scanner.settings import Settings


def milvus_of(settings: Settings) -> fingerprint.MilvusServer | None:
    """Return the Milvus that the settings name."""
    if settings.milvus_uri is None:
        return None
    token = settings.milvus_token.get_secret_value() if settings.milvus_token else ""
    return fingerprint.MilvusServer(settings.milvus_uri, token)


def collection_name(tenant_id: str) -> str:
    """Return how a tenant's collection of recordings' vectors is called: readable, and no other's.

    The network that made the vectors ends the name (:class:`fingerprint.MilvusIndex`).
    """
    readable = re.sub(r"[^A-Za-z0-9]", "_", tenant_id)[:64]
    digest = hashlib.blake2b(tenant_id.encode(), digest_size=8).hexdigest()
    return f"clearance_{readable}_{digest}_recordings"
