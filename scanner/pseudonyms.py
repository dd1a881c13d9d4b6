"""Names under which staff appear: on one platform the same person always under the same one, and nobody can tell who it is.

A pseudonym is a keyed hash (HMAC-SHA-256) of the login's id, under a key of the platform's own, so that who works for two
platforms is not known by it on the other. The platforms' keys follow from one that lies beside the database: whoever
has only one of them can't tell. Auditors see the ids themselves. Records that were sealed before platforms had keys of
their own keep the pseudonym of then, which a signed checkpoint holds them to.
"""

import base64
import hmac
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlmodel import Session, select

from scanner.callers import Caller
from scanner.secrets import read_key_file
from scanner.tables import JournalRow, JournalSeal, User
from scanner.tables.journal import INSTALLATION

if TYPE_CHECKING:
    from scanner.service import Service

KEY_NAME: Final = "pseudonyms.key"
STAFF: Final = frozenset(
    {"admin", "reviewer", "appeals_officer", "policy_lead", "auditor", "operator"}
)
AUDITOR: Final = "auditor"
_KEY_BYTES: Final = 32
_PSEUDONYM: Final = re.compile(r"R-[A-Z2-7]{4}-[A-Z2-7]{4}")
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Names:
    """Pseudonyms under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, person_id: str, kind: Literal["R", "U"] = "R") -> str:
        """Return a pseudonym, such as ``R-7F3K-Q2MA``: 40 bits of a keyed hash.

        ``R`` is one of a login, ``U`` one of an uploader's account.
        """
        digest = hmac.digest(self._key, person_id.encode(), "sha256")
        letters = base64.b32encode(digest[:5]).decode()
        return f"{kind}-{letters[:4]}-{letters[4:]}"

    def actor(self, actor: str, role: str) -> str:
        """Return an actor as everybody may see it: staff under their pseudonym, others as they are."""
        return self.of(actor) if role in STAFF and _ID.fullmatch(actor) else actor

    def opened(self, session: Session, pseudonym: str) -> str | None:
        """Return the id of the login behind a pseudonym; None if it is nobody's."""
        if not _PSEUDONYM.fullmatch(pseudonym):
            return None
        ids = session.exec(select(User.id)).all()
        return next((each for each in ids if self.of(each) == pseudonym), None)

    def hidden(self, value: Any, staff: Mapping[str, str]) -> Any:
        """Return JSON in which no id of ``staff``, pseudonym by id, is left."""
        if isinstance(value, str):
            return staff.get(value, value)
        if isinstance(value, Mapping):
            return {name: self.hidden(each, staff) for name, each in value.items()}
        if isinstance(value, list):
            return [self.hidden(each, staff) for each in value]
        return value


class Pseudonyms(Names):
    """The pseudonyms of an installation, under the key in its home folder, which is made if need be.

    By itself it gives the names of records that have no platform, and of those sealed as `INSTALLATION`.
    """

    def __init__(self, home: Path) -> None:
        make_key_file(home / KEY_NAME, os.urandom(_KEY_BYTES))
        super().__init__(read_key_file(home / KEY_NAME))
        self._platforms: dict[str, Names] = {}

    def on(self, tenant_id: str | None) -> Names:
        """Return those of a platform: nobody can tell by them who works for another one too."""
        if tenant_id is None:
            return self
        if tenant_id not in self._platforms:
            key = hmac.digest(self._key, f"platform {tenant_id}".encode(), "sha256")
            self._platforms[tenant_id] = Names(key)
        return self._platforms[tenant_id]

    def sealed(self, row: JournalRow, seal: JournalSeal | None) -> Names:
        """Return those under which a record is shown: of its seal, or of its platform where it has none yet."""
        old = seal is not None and seal.names == INSTALLATION
        return self if old else self.on(row.tenant_id)

    def behind(self, session: Session, pseudonym: str, tenant_id: str) -> str | None:
        """Return the id of the login behind a pseudonym of a platform, also of its older records; None if it is nobody's."""
        return self.on(tenant_id).opened(session, pseudonym) or self.opened(session, pseudonym)


def told(
    service: "Service", session: Session, tenant_id: str, view: dict[str, Any]
) -> dict[str, Any]:
    """Return JSON as everybody of a platform may see it, with a pseudonym in place of the id of any login."""
    own = service.pseudonyms.on(tenant_id)
    names = {each: own.of(each) for each in session.exec(select(User.id))}
    shown: dict[str, Any] = own.hidden(view, names)
    return shown


def sees_ids(caller: Caller) -> bool:
    """Tell whether a caller is told who of the staff it was: an auditor's own key, and nobody else."""
    return caller.user_id is not None and caller.actor.role == AUDITOR


def make_key_file(path: Path, content: bytes) -> None:
    """Make a key file of mode 0600, whole or not at all; one that is there stays as it is."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(part, path)  # fails if another process was first: its key is the one
    except FileExistsError:
        pass
    finally:
        part.unlink(missing_ok=True)
