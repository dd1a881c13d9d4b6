"""Counts and median times of a period, from events alone; knows no database and no clock.

A matter counts in the period in which it was filed, its outcome in the one in which it was decided, so that
each is counted once over all reports.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final

PREFIXES: Final = (
    "clearance.appeal.",
    "clearance.case.",
    "clearance.claim.",
    "clearance.counter_notice.",
    "clearance.dispute.",
    "clearance.notice.",
    "clearance.sanction.",
    "clearance.statement.",
    "clearance.strike.",
    "clearance.track.decided",
    "clearance.track.ruled",
    "clearance.track.superseded",
)
"""Types of events that anything is counted by."""
COUNTERED: Final = ("received", "forwarded", "restored", "court_hold", "withdrawn", "lapsed")
"""States of counter-notices that are counted."""
_NOTICE_ENDS: Final = ("actioned", "refused", "lapsed", "retracted")
_CONTESTS: Final = frozenset({"appeal", "dispute", "counter_notice", "case"})


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of the journal, as far as it is counted by."""

    type: str
    subject: str
    time: datetime
    role: str
    data: Mapping[str, Any]


@dataclass
class _Matter:
    """What is remembered of a notice, an appeal or a dispute."""

    since: datetime
    detail: Mapping[str, Any]
    trusted: bool = False
    decided: bool = False


@dataclass
class Tally:
    """Counts by section and key, and hours from the filing to the decision.

    Attributes
    ----------
    start, end : datetime
        The period; the end is no part of it.
    counts : by section, Counter
        By a key such as ``dmca/actioned``.
    hours : by section, list of float by key
    events : Counter
        Events of the period by type, those that nothing is counted by left out.
    """

    start: datetime
    end: datetime
    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    hours: dict[str, dict[str, list[float]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    events: Counter[str] = field(default_factory=Counter)
    _matters: dict[str, _Matter] = field(default_factory=dict)
    _automatic: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))

    def add_all(self, events: Iterable[Happened]) -> "Tally":
        """Count events in the order in which they happened, from the beginning of all; return itself."""
        for event in events:
            self._add(event)
        return self

    def medians(self, section: str) -> dict[str, float]:
        """Median hours by key, rounded to hundredths."""
        return {key: round(median(each), 2) for key, each in sorted(self.hours[section].items())}

    def _add(self, event: Happened) -> None:
        _, kind, state = event.type.split(".", 2)
        within = self.start <= event.time < self.end
        if within:
            self.events[event.type] += 1
        count = _COUNTERS.get(kind)
        if count is not None:
            count(self, event, state, within)

    def _note(self, within: bool, section: str, key: str) -> None:
        if within:
            self.counts[section][key] += 1

    def _took(self, within: bool, section: str, key: str, length: timedelta) -> None:
        if within:
            self.hours[section][key].append(length.total_seconds() / 3600)

    # Kinds of matters

    def _notice(self, event: Happened, state: str, within: bool) -> None:
        detail = event.data.get("detail", {})
        if state == "received":
            self._matters[event.subject] = _Matter(
                event.time, detail, trusted=bool(detail.get("trusted"))
            )
            self._note(within, "notices", f"{detail.get('form', 'unknown')}/received")
            if detail.get("trusted"):
                self._note(within, "trusted_flaggers", "received")
            return
        known = self._matters.get(event.subject)
        if known is None:
            return
        form = known.detail.get("form", "unknown")
        if (
            state == "valid"
            and event.data.get("action") == "validate_trusted"
            and not known.trusted
        ):
            known.trusted = True
            self._note(within, "trusted_flaggers", "received")
        if state in _NOTICE_ENDS:
            reversal = event.data.get("action") in {"reverse", "widen"}
            key = "reversed" if reversal else state
            self._note(within, "notices", f"{form}/{key}")
            if known.trusted:
                self._note(within, "trusted_flaggers", key)
            if state in ("actioned", "refused") and not reversal:
                self._took(within, "notices", str(form), event.time - known.since)
                if form != "order":
                    self._took(within, "notices_in_all", "all", event.time - known.since)
                    if known.trusted:
                        self._took(within, "notices_in_all", "trusted", event.time - known.since)
                if event.role == "system":
                    self._note(within, "notices", f"{form}/decided_by_rules_alone")

    def _appeal(self, event: Happened, state: str, within: bool) -> None:
        detail = event.data.get("detail", {})
        if state == "filed":
            self._matters[event.subject] = _Matter(event.time, detail)
            self._note(within, "complaints", "filed")
            self._note(within, "complaints_by_basis", str(detail.get("subject_kind", "unknown")))
            self._note(within, "complaints_by_party", str(detail.get("filed_as", "unknown")))
        elif state in ("granted", "partly", "denied"):
            self._note(within, "complaints", state)
            known = self._matters.get(event.subject)
            if known is not None:
                self._took(within, "complaints", "decision", event.time - known.since)
        elif state == "withdrawn":
            self._note(within, "complaints", state)
        elif state == "out_of_court":
            self._note(within, "out_of_court", "submitted")
        elif state == "outcome_recorded":
            self._note(within, "out_of_court", "decided")
            self._note(within, "out_of_court", str(detail.get("outcome", "outcome_on_record")))

    def _dispute(self, event: Happened, state: str, within: bool) -> None:
        if state == "opened":
            self._matters[event.subject] = _Matter(event.time, {})
            self._note(within, "disputes", "opened")
        elif state in ("released", "upheld", "expired", "withdrawn"):
            self._note(within, "disputes", state)
            known = self._matters.get(event.subject)
            if known is not None:
                self._took(within, "disputes", "decision", event.time - known.since)

    def _counter_notice(self, event: Happened, state: str, within: bool) -> None:
        if state in COUNTERED:
            self._note(within, "dmca", f"counter_notices_{state}")

    def _strike(self, event: Happened, state: str, within: bool) -> None:
        if state in ("active", "reversed", "expired"):
            self._note(within, "dmca", f"strikes_{state}")

    def _claim(self, event: Happened, state: str, within: bool) -> None:
        if state in ("active", "released", "upheld", "escalated"):
            self._note(within, "claims", state)

    def _sanction(self, event: Happened, state: str, within: bool) -> None:
        said = {**event.data.get("detail", {}), **event.data}
        what, kind = said.get("what", "unknown"), said.get("kind", "unknown")
        self._note(within, "suspensions", f"{what}/{kind}/{state}")

    def _statement(self, event: Happened, state: str, within: bool) -> None:
        if state == "pushed":
            self._note(within, "database", str(event.data["state"]))
            if event.data["state"] == "sent" and event.data["in_time"]:
                self._note(within, "database", "sent_in_time")
            return
        if state != "written":
            return
        data = event.data
        own = data["source"] in ("own_initiative", "claim")
        section = "own_initiative" if own else "by_notice_or_order"
        self._note(within, section, "all")
        self._note(within, section, f"effect/{data['effect']}")
        self._note(within, section, f"ground/{data['ground']}")
        for each in data["restricts"]:
            self._note(within, section, f"restricts/{each}")
        for each in data["limits"]:
            self._note(within, section, f"limit/{each}")
        self._note(within, "restrictions_by_source", str(data["source"]))
        if data["automated_detection"]:
            self._note(within, section, "found_by_automated_means")
            self._note(within, "automation", "restrictions_found_by_automated_means")
        if data["automated_decision"]:
            self._note(within, "automation", "restrictions_decided_by_rules_alone")
            if data["track_id"] is not None:
                self._automatic[data["track_id"]].append(event.time)

    def _track(self, event: Happened, state: str, within: bool) -> None:
        if state != "ruled":
            self._note(within, "automation", "decisions_by_rules")
            return
        self._note(within, "automation", "decisions_by_people_or_law")
        contested = event.data.get("ground_kind") in _CONTESTS
        back = event.data["decision"] == "clear" and contested
        if back and (decided := self._automatic.pop(event.subject, None)):
            self._note(within, "automation", "restrictions_by_rules_reversed")
            if within and decided[-1] >= self.start:  # it is among those that the rate is of
                self._note(within, "automation", "restrictions_of_the_period_reversed")

    def _case(self, event: Happened, state: str, within: bool) -> None:
        action = event.data.get("action")
        if state == "closed" and action == "agree":
            self._note(within, "automation", "re_reviews_agreed")
        elif state == "escalated" and action == "differ":
            self._note(within, "automation", "re_reviews_differed")


_COUNTERS: Final = {
    "appeal": Tally._appeal,
    "case": Tally._case,
    "claim": Tally._claim,
    "counter_notice": Tally._counter_notice,
    "dispute": Tally._dispute,
    "notice": Tally._notice,
    "sanction": Tally._sanction,
    "statement": Tally._statement,
    "strike": Tally._strike,
    "track": Tally._track,
}
