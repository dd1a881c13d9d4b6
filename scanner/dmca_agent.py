"""The designated agent for notices of infringement, and when the registration ends (DMCA-C4)."""

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from sqlmodel import Session, col, select

from scanner.letters import Recipient, write
from scanner.tables import Letter, Tenant, User

if TYPE_CHECKING:
    from scanner.service import Service
    from scanner.settings import Settings

LASTS: Final = relativedelta(years=3)
ALARMS: Final = (90, 30, 7)
"""Days before the end at which admins are told."""
TEMPLATE: Final = "agent-renewal"


def shown(settings: "Settings") -> dict[str, str] | None:
    """Return what the page says of the agent, by heading; None if nobody is named."""
    if settings.dmca_agent_name is None:
        return None
    said = {
        "Name": settings.dmca_agent_name,
        "Address": settings.dmca_agent_address,
        "Telephone": settings.dmca_agent_phone,
        "E-mail": settings.dmca_agent_email,
        "Registration": settings.dmca_agent_registration,
    }
    return {name: value for name, value in said.items() if value}


def ends_on(settings: "Settings") -> date | None:
    """Return the last day of the registration."""
    at = settings.dmca_agent_registered_at
    return None if at is None else at + LASTS


def days_left(service: "Service") -> int | None:
    """Return how many days the registration still holds; negative once it has ended."""
    end = ends_on(service.settings)
    return None if end is None else (end - _today(service)).days


def warnings(service: "Service") -> list[str]:
    """Return what an operator should know of the registration."""
    left = days_left(service)
    if left is None or left > max(ALARMS):
        return []
    return [f"the DMCA agent's registration ends on {ends_on(service.settings)}: {left} days"]


def watch(service: "Service") -> int:
    """Tell every admin once at each alarm; return how many were told."""
    end, left = ends_on(service.settings), days_left(service)
    due = [days for days in ALARMS if left is not None and left <= days]
    if end is None or not due:
        return 0
    zone = ZoneInfo(service.settings.legal_zone)
    since = datetime.combine(end - timedelta(days=min(due)), time(), zone)
    told = 0
    with service.database.transaction() as session:
        for user, tenant_id in _admins(session):
            if not _was_told(session, user.id, since):
                write(
                    session,
                    Recipient("user", user.id, user.email),
                    TEMPLATE,
                    {"ends": f"{end:%Y-%m-%d}", "days": left},
                    tenant_id=tenant_id,
                    now=service.now(),
                    legal_basis=("DMCA-C4",),
                )
                told += 1
    return told


def _today(service: "Service") -> date:
    return service.now().astimezone(ZoneInfo(service.settings.legal_zone)).date()


def _admins(session: Session) -> list[tuple[User, str]]:
    """Every admin, with the platform in whose name they are told: their own, else the oldest."""
    first = session.exec(
        select(Tenant.id).where(col(Tenant.sandbox_of).is_(None)).order_by(col(Tenant.id)).limit(1)
    ).first()
    working = (User.role == "admin", col(User.disabled_at).is_(None))
    query = select(User).where(*working).order_by(col(User.id)).with_for_update()
    return [
        (user, tenant_id) for user in session.exec(query) if (tenant_id := user.tenant_id or first)
    ]


def _was_told(session: Session, user_id: str, since: datetime) -> bool:
    query = select(Letter.id).where(
        Letter.recipient_kind == "user",
        Letter.recipient_id == user_id,
        Letter.template == TEMPLATE,
        col(Letter.created_at) >= since,
    )
    return session.exec(query.limit(1)).first() is not None
