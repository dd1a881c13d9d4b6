"""Setting an installation up, and looking whether it is well."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import col, select

import policy
from scanner import certificates, checkpoints, keys, pseudonyms, stored_prints, watermark_keys
from scanner.errors import ScannerError, TransientError
from scanner.privacy import blobs, personal
from scanner.privacy.erasure_list import ErasureList
from scanner.privacy.person_keys import PersonKeyError
from scanner.secrets import make_key_file, read_key_file
from scanner.store import StoreError
from scanner.tables import JournalRow, Reference, Track

if TYPE_CHECKING:
    from scanner.service import Service

DEFAULT_TENANT: Final = "default"
_LOOKED_AT: Final = 5
_RECORDS: Final = 500
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
        ("store", lambda: _store(service)),
        ("persons' keys", lambda: _person_keys(service)),
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


def _store(service: "Service") -> str:
    service.store.check()
    with service.database.reading() as session:
        named = [
            (tenant_id, sha256)
            for kept, sha256 in ((Reference, "fingerprint_sha256"), (Track, "sha256"))
            for tenant_id, sha256 in session.exec(_newest(kept, sha256)).all()
        ]
        lacking = [each for each in named if not service.store.exists(*each)]
        held = [each for each in lacking if blobs.held(session, each[0], [each[1]])]
    if held:
        raise StoreError(
            f"it lacks {len(held)} of the {len(named)} newest bytes that the database names: is it the store that "
            "the others use? `clearance backup` names all that are missing"
        )
    return f"writes, reads and removes; has the {len(named)} newest bytes that the database names"


def _newest(kept: type[Reference] | type[Track], sha256: str) -> Any:
    column = getattr(kept, sha256)
    query = select(kept.tenant_id, column).where(column.is_not(None))
    return query.order_by(col(kept.id).desc()).limit(_LOOKED_AT)


def _person_keys(service: "Service") -> str:
    """Try the keys on what they sealed last: another folder than before would read as if all were erased."""
    folder = service.settings.person_key_folder
    with service.database.reading() as session:
        newest = select(JournalRow.data).order_by(col(JournalRow.id).desc())
        rows = session.exec(newest.limit(_RECORDS)).all()
    tried = [personal.tried(service.person_keys, data) for data in rows]
    closed, opened = (sum(each) for each in zip((0, 0), *tried, strict=True))
    if closed and not opened and not ErasureList(folder).read():
        raise PersonKeyError(
            f"{folder} has none of the keys that sealed the newest records: put the folder back"
        )
    return f"{folder} opens {opened} of {closed + opened} values in the newest records"


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
