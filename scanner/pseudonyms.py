"""Names under which staff appear: the same person always under the same one, and nobody can tell who it is.

A pseudonym is a keyed hash (HMAC-SHA-256) of the login's id. The key lies beside the database, so whoever has
only one of them can't tell. Auditors see the ids themselves.
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
from scanner.tables import User

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


class Pseudonyms:
    """The pseudonyms of an installation, under the key in its home folder, which is made if need be."""

    def __init__(self, home: Path) -> None:
        make_key_file(home / KEY_NAME, os.urandom(_KEY_BYTES))
        self._key = read_key_file(home / KEY_NAME)

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


def told(service: "Service", session: Session, view: dict[str, Any]) -> dict[str, Any]:
    """Return JSON as everybody may see it, with a pseudonym in place of the id of any login."""
    names = {each: service.pseudonyms.of(each) for each in session.exec(select(User.id))}
    shown: dict[str, Any] = service.pseudonyms.hidden(view, names)
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
