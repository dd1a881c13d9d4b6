"""The report of a tenant's period: what was counted, and what proves it (DSA-24/15, DMCA-RI)."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import or_
from sqlmodel import Session, col, func, select

from scanner import audit
from scanner.errors import ScannerError
from scanner.tables import JournalRow, JournalSeal, Tenant
from scanner.tenant_sizes import is_micro_or_small
from scanner.transparency.counting import COUNTERED, PREFIXES, Happened, Tally
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

PAGE: Final = 1000
_FORMS: Final = ("dmca", "dsa", "likeness", "order", "threat")
_YEARS: Final = (2000, 2100)
_ENDS: Final = ("received", "actioned", "refused", "lapsed", "retracted", "reversed")


class BadPeriodError(ScannerError):
    """The period makes no sense; the message says why."""


def check_period(first: date, last: date) -> None:
    """Raise ``BadPeriodError`` if a period ends before it begins, or lies outside the years from 2000 to 2100."""
    if not _YEARS[0] <= first.year <= last.year <= _YEARS[1] and first <= last:
        raise BadPeriodError("name days of the years from 2000 to 2100")
    if last < first:
        raise BadPeriodError(
            Told(
                "the period ends on %(last)s before it begins on %(first)s: swap them",
                last=last,
                first=first,
            )
        )


def of_period(service: "Service", tenant_id: str, first: date, last: date) -> dict[str, Any]:
    """Return the report of a period as JSON.

    Parameters
    ----------
    first, last : date
        The days with which it begins and ends, in the zone of the setting ``legal_zone``.

    Raises
    ------
    BadPeriodError
        If it ends before it begins, or lies outside the years from 2000 to 2100.
    """
    check_period(first, last)
    zone = ZoneInfo(service.settings.legal_zone)
    start = datetime.combine(first, time(), zone)
    end = datetime.combine(date.fromordinal(last.toordinal() + 1), time(), zone)
    with service.database.reading() as session:
        tally = Tally(start, end).add_all(_events(session, tenant_id, end))
        tenant = session.get_one(Tenant, tenant_id)
        proof = _proof(session, tenant_id, tally, start, end)
    walked = audit.verify_signed(service, tenant_id)
    return {
        "platform": tenant.name,
        "period": {"from": first.isoformat(), "to": last.isoformat(), "zone": zone.key},
        "made_at": service.now().isoformat(),
        "micro_or_small": is_micro_or_small(service, tenant),
        **sections(tally),
        "proof": proof | {"whole": walked.whole, "unsealed": walked.unsealed},
    }


def sections(tally: Tally) -> dict[str, Any]:
    """Return what was counted, by the parts of DSA-15(1), DSA-24(1) and of the DMCA."""
    counts = tally.counts
    hours = tally.medians("notices")
    notices = {
        form: {
            **{end: counts["notices"][f"{form}/{end}"] for end in _ENDS},
            "decided_by_rules_alone": counts["notices"][f"{form}/decided_by_rules_alone"],
            "median_hours_to_decision": hours.get(form),
        }
        for form in (*_FORMS, "unknown")
        if form != "unknown" or counts["notices"]["unknown/received"]
    }
    complaints = counts["complaints"]
    reversals = complaints["granted"] + complaints["partly"]
    return {
        "orders": notices.pop("order"),
        "notices": notices,
        "notices_in_all": _in_all(notices, tally.medians("notices_in_all")),
        "trusted_flaggers": _plain(counts["trusted_flaggers"]),
        "own_initiative": _plain(counts["own_initiative"]),
        "by_notice_or_order": _plain(counts["by_notice_or_order"]),
        "restrictions_by_source": _plain(counts["restrictions_by_source"]),
        "complaints": {
            **{
                each: complaints[each]
                for each in ("filed", "granted", "partly", "denied", "withdrawn")
            },
            "reversals": reversals,
            "by_basis": _plain(counts["complaints_by_basis"]),
            "by_party": _plain(counts["complaints_by_party"]),
            "median_hours_to_decision": tally.medians("complaints").get("decision"),
        },
        "disputes": {
            **{
                each: counts["disputes"][each]
                for each in ("opened", "released", "upheld", "expired", "withdrawn")
            },
            "median_hours_to_decision": tally.medians("disputes").get("decision"),
        },
        "claims": _plain(counts["claims"]),
        "out_of_court": _plain(counts["out_of_court"]),
        "suspensions": _plain(counts["suspensions"]),
        "automation": _automation(tally),
        "dmca": {
            "notices_received": counts["notices"]["dmca/received"],
            "notices_actioned": counts["notices"]["dmca/actioned"],
            **{
                f"counter_notices_{each}": counts["dmca"][f"counter_notices_{each}"]
                for each in COUNTERED
            },
            **{
                f"strikes_{each}": counts["dmca"][f"strikes_{each}"]
                for each in ("active", "reversed", "expired")
            },
        },
        "eu_database": _plain(counts["database"]),
    }


def _in_all(notices: Mapping[str, Mapping[str, Any]], hours: Mapping[str, float]) -> dict[str, Any]:
    """Return the sums over the forms of notices, and the medians that no sum gives."""
    return {
        **{end: sum(each[end] for each in notices.values()) for end in _ENDS},
        "decided_by_rules_alone": sum(each["decided_by_rules_alone"] for each in notices.values()),
        "median_hours_to_decision": hours.get("all"),
        "median_hours_to_decision_of_trusted_flaggers": hours.get("trusted"),
    }


def _automation(tally: Tally) -> dict[str, Any]:
    """Use of automated means, and the two signs of how good they are (DSA-15(1)(e))."""
    counts = tally.counts["automation"]
    alone = counts["restrictions_decided_by_rules_alone"]
    agreed, differed = counts["re_reviews_agreed"], counts["re_reviews_differed"]
    return {
        **{
            each: counts[each]
            for each in (
                "decisions_by_rules",
                "decisions_by_people_or_law",
                "restrictions_found_by_automated_means",
                "restrictions_decided_by_rules_alone",
                "restrictions_by_rules_reversed",
                "re_reviews_agreed",
                "re_reviews_differed",
            )
        },
        "error_rate": _share(counts["restrictions_of_the_period_reversed"], alone),
        "re_review_agreement": _share(agreed, agreed + differed),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _plain(counts: Any) -> dict[str, int]:
    return dict(sorted(counts.items()))


def _events(session: Session, tenant_id: str, end: datetime) -> Iterator[Happened]:
    """What happened up to a time, in order; the ids of the journal rise with the time of writing."""
    last = ""
    while True:
        page = session.exec(
            select(JournalRow)
            .where(
                JournalRow.tenant_id == tenant_id,
                JournalRow.id > last,
                col(JournalRow.time) < end,
                or_(*(col(JournalRow.type).startswith(each) for each in PREFIXES)),
            )
            .order_by(col(JournalRow.id))
            .limit(PAGE)
        ).all()
        if not page:
            return
        for row in page:
            yield Happened(row.type, row.subject, row.time, row.role, row.data)
        last = page[-1].id
        session.expunge_all()  # a journal of millions must not pile up in memory


def _proof(
    session: Session, tenant_id: str, tally: Tally, start: datetime, end: datetime
) -> dict[str, Any]:
    """What the counts can be checked by: events by type, and the chain that they are sealed in."""
    within = (
        JournalRow.tenant_id == tenant_id,
        col(JournalRow.time) >= start,
        col(JournalRow.time) < end,
    )
    head = session.exec(
        select(JournalSeal)
        .join(JournalRow, col(JournalRow.id) == col(JournalSeal.journal_id))
        .where(JournalSeal.chain == tenant_id, col(JournalRow.time) < end)
        .order_by(col(JournalSeal.sequence).desc())
        .limit(1)
    ).first()
    everything = session.exec(select(func.count()).select_from(JournalRow).where(*within)).one()
    return {
        "events_by_type": dict(sorted(tally.events.items())),
        "events_in_period": everything,
        "chain": tenant_id,
        "head": head and {"sequence": head.sequence, "hash": head.hash},
    }
