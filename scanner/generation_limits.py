"""How many takes an account may ask for, and what of it is left: by day and age band, and by minute."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from sqlmodel import Session, and_, col, func, or_, select

import policy
from scanner import people
from scanner.errors import ScannerError
from scanner.tables import Account, Generation, Preview, Track
from scanner.track_states import State
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

MINUTE: Final = timedelta(minutes=1)
OPEN: Final = timedelta(minutes=10)
"""How long after it was asked for a preview may be begun."""


class TooManyGenerationsError(ScannerError):
    """An account asked for more takes in a minute than one may."""

    retry_after = 60


@dataclass(frozen=True)
class Quota:
    """What an account may still ask for today; None: as much as it likes."""

    account: str | None
    band: str | None
    limit: int | None
    used: int
    left: int | None
    day: str
    zone: str
    resets_at: datetime
    previews_left: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON data."""
        return {
            "account": self.account,
            "band": self.band,
            "limit": self.limit,
            "used": self.used,
            "left": self.left,
            "previews_left": self.previews_left,
            "day": self.day,
            "zone": self.zone,
            "resets_at": self.resets_at.isoformat(),
        }

    def headers(self) -> dict[str, str]:
        """Tell it in an answer's headers; without a limit there are none."""
        if self.left is None:
            return {}
        return {"Generations-Limit": str(self.limit), "Generations-Left": str(self.left)}


def quota(service: "Service", session: Session, account: Account | None) -> Quota:
    """Return an account's quota; the platform itself has none."""
    now = service.now()
    person = people.person_of(service, session, account.id if account else None)
    zone = person.controls.zone if person.controls else "UTC"
    day = people.quota_day(person.controls, now)
    return Quota(
        account=account.external_id if account else None,
        band=policy.counted_band("generate", person) if account else None,
        limit=policy.daily_limit(person),
        used=person.generated_today,
        left=policy.quota_left(person),
        day=day,
        zone=zone,
        resets_at=_midnight_after(now, zone),
        previews_left=policy.quota_left(
            listener(service, session, account.id if account else None)
        ),
    )


def check_rate(
    service: "Service",
    session: Session,
    account_id: str,
    now: datetime,
    kind: type[Generation | Preview] = Generation,
    *,
    more: int = 1,
) -> None:
    """Raise ``TooManyGenerationsError`` if an account, which is locked, asks too often.

    Parameters
    ----------
    kind : type
        What is asked for: takes and previews are counted apart.
    more : int
        How many are asked for now.
    """
    limit = service.settings.generations_a_minute
    table: Any = kind
    query = select(func.count()).select_from(table)
    asked = session.exec(
        query.where(table.account_id == account_id, table.created_at > now - MINUTE)
    ).one()
    if asked + more > limit:
        raise TooManyGenerationsError(
            Told(
                "at most %(limit)s takes are asked for in a minute for one account, and "
                "as many previews: slow down",
                limit=limit,
            )
        )


def listener(service: "Service", session: Session, account_id: str | None) -> policy.Person:
    """Return who listens to previews: the day's quota holds for these by themselves.

    What is counted was begun today, or may still be begun.
    """
    person = people.person_of(service, session, account_id)
    if account_id is None:
        return person
    now = service.now()
    zone = ZoneInfo(person.controls.zone if person.controls else "UTC")
    today = datetime.combine(now.astimezone(zone).date(), time(), zone).astimezone(UTC)
    begun = col(Preview.payload_id).is_not(None)
    open_ = and_(Preview.state == "open", col(Preview.created_at) > now - OPEN)
    counted = select(func.count()).select_from(Preview)
    counted = counted.where(Preview.account_id == account_id, or_(begun, open_))
    heard = session.exec(counted.where(col(Preview.created_at) >= today)).one()
    return replace(person, generated_today=heard)


def cleared_reference(session: Session, tenant_id: str, account: Account, track_id: str) -> str:
    """Return the SHA-256 of a track that may be built on: the account's own, and cleared.

    Raises
    ------
    LookupError
        If it is none such; nothing tells whether there is a track of this id.
    """
    track = session.get(Track, track_id)
    fits = (
        track is not None
        and track.tenant_id == tenant_id
        and track.account_id == account.id
        and track.state == State.RELEASED
        and track.sha256 is not None
    )
    if track is None or track.sha256 is None or not fits:
        raise LookupError(track_id)
    return track.sha256


def _midnight_after(now: datetime, zone: str) -> datetime:
    local = now.astimezone(ZoneInfo(zone))
    return datetime.combine(local.date() + timedelta(days=1), time(), local.tzinfo)
