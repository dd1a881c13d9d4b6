"""What holders and creators are told about presumed lawful uses (DE-URHDAG)."""

from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session

import appeals
from appeals.presumed_uses import BASIS
from scanner import letters, recipients
from scanner.clock import new_id
from scanner.tables import Message, PresumedUse, Reference, Track

if TYPE_CHECKING:
    from scanner.service import Service

BLOCKED: Final = {
    "en": "The rights holder states, after a person looked at it, that this use is not presumed lawful in Germany and "
    "does considerable harm. It is blocked there until a person here has decided, within a week.",
    "de": "Der Rechteinhaber erklärt nach Prüfung durch einen Menschen, dass diese Nutzung in Deutschland nicht als "
    "mutmaßlich erlaubt gilt und erheblich schadet. Sie ist dort gesperrt, bis hier ein Mensch binnen einer Woche "
    "entschieden hat.",
    "fr": "Le titulaire des droits déclare, après examen par une personne, que cette utilisation n'est pas présumée "
    "licite en Allemagne et cause un dommage considérable. Elle y est bloquée jusqu'à ce qu'une personne décide ici, "
    "dans la semaine.",
    "es": "El titular de los derechos declara, tras examinarlo una persona, que este uso no se presume lícito en Alemania "
    "y causa un daño considerable. Allí queda bloqueado hasta que una persona decida aquí, en una semana.",
}


def tell_holder(service: "Service", session: Session, row: PresumedUse, template: str) -> None:
    """Write to the holder of the reference."""
    to = recipients.party(service, session, "holder", row.holder_id)
    _write(service, session, row, to, template)


def tell_creator(service: "Service", session: Session, row: PresumedUse, template: str) -> None:
    """Write to the account whose track it is; a track without one is the platform's own."""
    if row.account_id is not None:
        to = recipients.account(service, session, row.account_id, row.track_id)
        _write(service, session, row, to, template)


def message(service: "Service", row: PresumedUse, actor: appeals.Actor, text: str) -> Message:
    """Return what somebody says about a complaint, to be kept."""
    return Message(
        id=new_id(),
        tenant_id=row.tenant_id,
        matter_kind=row.KIND,
        matter_id=row.id,
        kind="statement",
        by_kind=actor.role.value,
        by_id=actor.id,
        text=text,
        created_at=service.now(),
    )


def _write(
    service: "Service", session: Session, row: PresumedUse, to: letters.Recipient, template: str
) -> None:
    track = session.get_one(Track, row.track_id)
    words: dict[str, Any] = {
        "id": row.id,
        "title": session.get_one(Reference, row.reference_id).title,
        "track": track.external_id or track.file_name or track.id,
        "reason": row.reason or "",
        "blocked": row.state == "blocked",
        "upheld": row.state == "upheld",
        "outcome": row.outcome or "",
        "until": row.due_at,
    }
    letters.write(
        session,
        to,
        template,
        words,
        tenant_id=row.tenant_id,
        now=service.now(),
        matter=row,
        track_id=row.track_id,
        legal_basis=[BASIS],
    )
