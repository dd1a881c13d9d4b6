"""Setting an installation up, and looking whether it is well."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import policy
from scanner import certificates, checkpoints, keys, pseudonyms, stored_prints, watermark_keys
from scanner.errors import ScannerError, TransientError
from scanner.secrets import make_key_file, read_key_file

if TYPE_CHECKING:
    from scanner.service import Service

DEFAULT_TENANT: Final = "default"
_SIGNED_WITH: Final = (pseudonyms.KEY_NAME, checkpoints.KEY_NAME)
_SEND_AGAIN: Final = "are fingerprints of earlier networks: have their clients send them again"
_ADD_AGAIN: Final = "add their audio again, or import a newer bundle of their peer's"


class AlreadyInitialisedError(ScannerError):
    """The database has a tenant: its keys were shown when it was made."""


@dataclass(frozen=True)
class Initialised:
    """What is shown once."""

    api_key: str
    email: str
    password: str


def initialise(service: "Service", email: str) -> Initialised:
    """Make database, keys, the first tenant, its first API key and the admin's login.

    Raises
    ------
    AlreadyInitialisedError
        If that was done before; nothing is changed then.
    """
    email = keys.checked_email(email)
    service.settings.home.mkdir(parents=True, exist_ok=True)
    service.database.upgrade()
    with service.database.reading() as session:
        if keys.tenants(session):  # nor are keys made in place of those that were lost
            raise AlreadyInitialisedError(
                "this installation is set up already; make another key with "
                "`clearance key create NAME`"
            )
    make_key_file(service.settings.home)
    checkpoints.own_key(service.settings.home)
    _ = service.pseudonyms
    tenant = keys.create_tenant(service, DEFAULT_TENANT)
    _, token = keys.create_key(service, tenant.id, "first key")
    user, password = keys.create_user(service, email, "admin")
    if not service.settings.certificate_folder.exists():
        certificates.make_development_chain(service.settings.certificate_folder, service.now())
    watermark_keys.rotate(service, keys.OPERATOR)
    service.packs.ensure(service, tenant.id)
    return Initialised(api_key=token, email=user.email, password=password)


def require_keys(service: "Service") -> None:
    """Raise unless the keys are here that seal, name and sign: none is made in place of one that was lost.

    Raises
    ------
    SecretKeyError
    """
    _ = service.secrets
    home = service.settings.home
    missing = [name for name in _SIGNED_WITH if not (home / name).exists()]
    if missing and checkpoints.folder_of(service).names():
        read_key_file(home / missing[0])


@dataclass(frozen=True)
class Finding:
    """How one part is."""

    part: str
    well: bool
    detail: str


def examine(service: "Service") -> list[Finding]:
    """Look at every part that the service needs, and at the libraries below it."""
    parts: list[tuple[str, Callable[[], str]]] = [
        ("settings", lambda: f"home {service.settings.home}"),
        ("secret key", lambda: _secret_key(service)),
        ("pseudonyms' key", lambda: _own_key(service, pseudonyms.KEY_NAME)),
        ("checkpoints' key", lambda: _checkpoints_key(service)),
        ("database", lambda: _checked(service.database.check, service.database.engine.name)),
        ("store", lambda: _checked(service.store.check, "writes, reads and removes")),
        ("bus", lambda: _checked(service.transport.check, _bus(service))),
        ("index", lambda: _index(service)),
        *_shards(service),
        ("decoder", lambda: _decodes(service)),
        ("chromaprint", _chromaprint),
        ("certificate", lambda: _certificate(service)),
        ("watermark keys", lambda: _watermark_keys(service)),
        ("policy", lambda: _policy(service)),
    ]
    return [_look(part, look) for part, look in parts]


def _look(part: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(part, True, look())
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a part is the finding
        return Finding(part, False, f"{type(error).__name__}: {error}")


def _checked(check: Callable[[], None], words: str) -> str:
    check()
    return words


def _secret_key(service: "Service") -> str:
    sealed = service.secrets.seal("probe")
    return "opens what it sealed" if service.secrets.open(sealed) == "probe" else "broken"


def _own_key(service: "Service", name: str) -> str:
    read_key_file(service.settings.home / name)
    return name


def _checkpoints_key(service: "Service") -> str:
    words = _own_key(service, checkpoints.KEY_NAME)
    signed = checkpoints.latest(checkpoints.folder_of(service), checkpoints.public_key(service))
    return f"{words}, which signed the last round" if signed else f"{words}, no round yet"


def _certificate(service: "Service") -> str:
    if not service.settings.certificate_chain_file.exists():
        return "none: no manifest can be signed; `clearance watermark certificate DIR` makes one"
    identity = service.signatory.identity
    if identity.not_after <= service.now():
        raise certificates.CertificateError(f"it ran out on {identity.not_after:%Y-%m-%d}")
    words = f"signs as {identity.issuer} until {identity.not_after:%Y-%m-%d}"
    return f"{words}; nobody outside trusts it" if identity.is_for_development else words


def _watermark_keys(service: "Service") -> str:
    with service.database.reading() as session:
        known = [tenant.id for tenant in keys.tenants(session)]
    rings = [watermark_keys.ring(service, tenant_id) for tenant_id in (None, *known)]
    live = {key.name for ring in rings for key in ring.keys}
    if rings[0].writing is None:
        return (
            f"{len(live)} live, none to write with: no generated track can be marked; make one "
            "with `clearance watermark keys rotate`"
        )
    return f"{len(live)} live, {rings[0].writing.name} to write with"


def _policy(service: "Service") -> str:
    with service.database.reading() as session:
        known = keys.tenants(session)
        ids = {service.packs.in_force(session, tenant.id).pack.id for tenant in known}
    words = ", ".join(sorted(ids)) or "nothing decided yet"
    packaged = policy.default_pack().id
    return words if not ids or packaged in ids else f"{words}; the packaged one is {packaged}"


def _bus(service: "Service") -> str:
    return f"Kafka at {service.settings.kafka}" if service.settings.kafka else "embedded"


def _index(service: "Service") -> str:
    service.catalogue.check()
    with service.database.reading() as session:
        known = [tenant.id for tenant in keys.tenants(session)]
    words = f"{sum(map(service.catalogue.compare, known))} references, as in the database"
    bare = sum(map(service.catalogue.bare, known))
    if bare:
        words += f"; {bare} without vectors: {_ADD_AGAIN}"
    with service.database.reading() as session:
        old = sum(stored_prints.without_audio(service, session, each) for each in known)
    return words if not old else f"{words}; {old} stored tracks {_SEND_AGAIN}"


def _shards(service: "Service") -> list[tuple[str, Callable[[], str]]]:
    addresses = service.settings.index_shards
    return [
        (f"shard {number}/{len(addresses)}", partial(_shard, service, number, address))
        for number, address in enumerate(addresses, start=1)
    ]


def _shard(service: "Service", number: int, address: str) -> str:
    try:
        service.sharded_catalogue.check_shard(number)
    except ScannerError as error:
        raise TransientError(f"at {address}: {error}") from error
    return f"answers at {address}"


def _chromaprint() -> str:
    import numpy as np

    import fingerprint

    noise = np.random.default_rng(0).standard_normal((1, 80_000), np.float32) * np.float32(0.1)
    algorithm = fingerprint.fingerprint(noise, 16_000).algorithm
    return f"computes {algorithm} and {fingerprint.embed(noise, 16_000).model}"


def _decodes(service: "Service") -> str:
    import tempfile
    from pathlib import Path

    import numpy as np
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "second.wav"
        soundfile.write(path, np.zeros(8000, np.float32), 8000)
        return f"decodes {service.decoder.decode(path).codec}"
