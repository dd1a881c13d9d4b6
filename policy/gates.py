"""Gates: whether a person of an age may do something now, and if not, why and what would help.

Less assurance, less consent or stricter controls never allow more; `tests/policy/test_gates.py` holds that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from typing import Final, Literal
from zoneinfo import ZoneInfo

from policy.ages import BANDS, LEVELS, Band, Level
from policy.core_texts import SOURCE
from policy.facts import ConsentScope
from policy.gate_texts import told
from policy.jurisdictions import Jurisdiction

Act = Literal["upload", "generate", "publish", "hear-explicit", "monetise"]
Outcome = Literal["allowed", "over-quota", "needs-consent", "refused"]

OUTCOMES: Final[tuple[Outcome, ...]] = ("allowed", "over-quota", "needs-consent", "refused")
"""From the mildest on; of several reasons the strictest decides."""
HOURS: Final = "controls.hours"
"""The rule that is over by itself, with the hour."""
SCOPE_OF: Final[Mapping[Act, ConsentScope]] = {
    "upload": "upload",
    "generate": "generate",
    "publish": "publish",
    "hear-explicit": "explicit",
    "monetise": "monetise",
}
ACTS: Final[tuple[Act, ...]] = tuple(SCOPE_OF)


@dataclass(frozen=True)
class GateRules:
    """What the gates ask for where no parent has said anything stricter.

    Parameters
    ----------
    needs_consent
        Acts that need a parent's consent, by band. A child's are those for which personal data is
        processed (COPPA, GDPR-8); earning money needs it up to 18.
    adult_level
        How reliably somebody must be known as an adult for an act; else they count as the youngest.
        Acts that are not named take any assurance.
    controls_end_at
        How reliably somebody must be known as an adult for a parent's controls to end.
    daily_generations
        By band; none for those not named.
    """

    needs_consent: Mapping[Band, frozenset[Act]] = field(
        default_factory=lambda: {
            "child": frozenset({"upload", "generate", "publish", "monetise"}),
            "teen": frozenset({"hear-explicit", "monetise"}),
        }
    )
    refused: Mapping[Band, frozenset[Act]] = field(
        default_factory=lambda: {"child": frozenset({"hear-explicit"})}
    )
    adult_level: Mapping[Act, Level] = field(
        default_factory=lambda: {"hear-explicit": "substantial", "monetise": "substantial"}
    )
    controls_end_at: Level = "substantial"
    daily_generations: Mapping[Band, int] = field(default_factory=lambda: {"child": 10, "teen": 30})


DEFAULT_RULES: Final = GateRules()


@dataclass(frozen=True)
class Controls:
    """What a parent has set.

    Parameters
    ----------
    daily_generations : int, optional
        At most so many a day; None: as the band has it. More than the band has does not count.
    opens, closes : time, optional
        The hours, in ``zone``, in which tracks may be uploaded, generated and published; the second
        may be past midnight. Both or neither.
    zone : str
        IANA time zone; also that of the days that generations are counted by.
    explicit : bool
        False: no explicit tracks.
    publishing : bool
        False: nothing is published.
    """

    daily_generations: int | None = None
    opens: time | None = None
    closes: time | None = None
    zone: str = "UTC"
    explicit: bool = True
    publishing: bool = True

    def __post_init__(self) -> None:
        if (self.opens is None) is not (self.closes is None):
            raise ValueError("give both ends of the hours, or neither")

    def is_open(self, now: datetime) -> bool:
        """Whether a moment is within the hours."""
        if self.opens is None or self.closes is None:
            return True
        local = now.astimezone(ZoneInfo(self.zone)).time()
        if self.opens <= self.closes:
            return self.opens <= local < self.closes
        return local >= self.opens or local < self.closes


@dataclass(frozen=True)
class Person:
    """What is known of who acts.

    Parameters
    ----------
    band : str, optional
        As assured; None: unassured, which counts as the youngest band.
    level : str, optional
        How reliably; None with ``band``.
    jurisdiction : Jurisdiction
        Whose age of consent holds.
    consents : frozenset of str
        Scopes in force now.
    generated_today : int
        Generations that count to today's quota, by the day in the controls' zone.
    """

    jurisdiction: Jurisdiction
    band: Band | None = None
    level: Level | None = None
    consents: frozenset[ConsentScope] = frozenset()
    controls: Controls | None = None
    generated_today: int = 0


@dataclass(frozen=True)
class GateReason:
    """One thing that stands in the way; ``texts`` is `text` in other languages."""

    rule: str
    text: str
    legal_basis: tuple[str, ...]
    outcome: Outcome
    texts: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Give it as JSON data."""
        return {
            "rule": self.rule,
            "text": self.text,
            "texts": dict(self.texts),
            "legal_basis": list(self.legal_basis),
            "outcome": self.outcome,
        }

    @classmethod
    def of(cls, rule: str, outcome: "Outcome", *names: str, **values: object) -> "GateReason":
        """Say something that no law asks for in the gates' texts, one after the other, in each language."""
        texts = told(*names, act=None, **values)
        return cls(rule, texts.pop(SOURCE), (), outcome, texts)

    def told_as(self, name: str, **values: object) -> "GateReason":
        """Return the same reason with another of the gates' texts, in each language."""
        texts = told(name, act=None, **values)
        return replace(self, text=texts.pop(SOURCE), texts=texts)


@dataclass(frozen=True)
class Gate:
    """The answer: the outcome, everything that stands in the way, the scope that would help."""

    act: Act
    outcome: Outcome
    reasons: tuple[GateReason, ...]
    needs_scope: ConsentScope | None = None
    quota_left: int | None = None

    def to_json(self) -> dict[str, object]:
        """Give it as JSON data."""
        return {
            "act": self.act,
            "outcome": self.outcome,
            "needs_consent": self.needs_scope,
            "quota_left": self.quota_left,
            "reasons": [reason.to_json() for reason in self.reasons],
        }


def gate(act: Act, person: Person, now: datetime, rules: GateRules = DEFAULT_RULES) -> Gate:
    """Say whether a person may do something now.

    Parameters
    ----------
    now : datetime
        Aware; the hours are looked up in it.
    """
    band = counted_band(act, person, rules)
    left = quota_left(person, rules) if act == "generate" else None
    reasons = [
        *_by_band(act, band, person, rules),
        *_by_controls(act, person, now, rules),
        *_by_quota(act, left),
    ]
    outcome = strictest(reasons)
    lacks = any(reason.outcome == "needs-consent" for reason in reasons)
    return Gate(act, outcome, tuple(reasons), SCOPE_OF[act] if lacks else None, left)


def strictest(reasons: Iterable[GateReason]) -> Outcome:
    """Return what reasons come to together; nothing in the way is ``allowed``."""
    found = {reason.outcome for reason in reasons}
    return next((outcome for outcome in reversed(OUTCOMES) if outcome in found), OUTCOMES[0])


def counted_band(act: Act, person: Person, rules: GateRules = DEFAULT_RULES) -> Band:
    """Return the band that an act is gated by: the youngest unless an older one is sure enough."""
    if person.band is None or person.level is None:
        return BANDS[0]
    if person.band == "adult" and not _reaches(person.level, rules.adult_level.get(act, LEVELS[0])):
        return BANDS[0]
    return person.band


def daily_limit(person: Person, rules: GateRules = DEFAULT_RULES) -> int | None:
    """Return how many generations a person may have in a day; None: as many as one likes."""
    limits = [rules.daily_generations.get(counted_band("generate", person, rules))]
    if person.controls is not None and _is_controlled(person, rules):
        limits.append(person.controls.daily_generations)
    known = [limit for limit in limits if limit is not None]
    return min(known) if known else None


def quota_left(person: Person, rules: GateRules = DEFAULT_RULES) -> int | None:
    """Return how many generations are left today; None: as many as one likes."""
    limit = daily_limit(person, rules)
    return None if limit is None else max(0, limit - person.generated_today)


def _reaches(level: Level, needed: Level) -> bool:
    return LEVELS.index(level) >= LEVELS.index(needed)


def _is_controlled(person: Person, rules: GateRules) -> bool:
    """A parent's controls end when their child is an adult, and is known to be."""
    sure = person.level is not None and _reaches(person.level, rules.controls_end_at)
    return not (person.band == "adult" and sure)


def _reason(
    rule: str,
    law: str,
    outcome: Outcome,
    *names: str,
    act: Act | None = None,
    **values: object,
) -> GateReason:
    """Make a reason of some texts, one after the other."""
    texts = told(*names, act=act, **values)
    return GateReason(rule, texts.pop(SOURCE), (law,), outcome, texts)


def _by_band(act: Act, band: Band, person: Person, rules: GateRules) -> Iterable[GateReason]:
    age = person.jurisdiction.consent_age if band == "child" else 18
    who = _counted_why(band, person)
    if act in rules.refused.get(band, frozenset()):
        yield _reason(f"gate.{band}-{act}", "DSA-28", "refused", *who, "refused", act=act, age=age)
    elif act in rules.needs_consent.get(band, frozenset()) and SCOPE_OF[act] not in person.consents:
        law = person.jurisdiction.law if band == "child" else "DSA-28"
        names = (*who, "needs-consent")
        yield _reason(f"gate.{band}-{act}", law, "needs-consent", *names, act=act, age=age)


def _counted_why(band: Band, person: Person) -> tuple[str, ...]:
    """Name the text that says why somebody counts as younger than they may be."""
    if person.band is None:
        return ("age-unknown",)
    return () if band == person.band else ("age-unsure",)


def _by_controls(act: Act, person: Person, now: datetime, rules: GateRules) -> Iterable[GateReason]:
    controls = person.controls
    if controls is None or not _is_controlled(person, rules):
        return
    off: Mapping[str, bool] = {
        "hear-explicit": not controls.explicit,
        "publish": not controls.publishing,
    }
    if off.get(act, False):
        yield _reason(f"controls.{act}", "DSA-28", "refused", "parent-off", act=act)
    if act in {"upload", "generate", "publish"} and not controls.is_open(now):
        hours = {
            "opens": f"{controls.opens:%H:%M}",
            "closes": f"{controls.closes:%H:%M}",
            "zone": controls.zone,
        }
        yield _reason(HOURS, "DSA-28", "refused", "hours", act=act, **hours)


def _by_quota(act: Act, left: int | None) -> Iterable[GateReason]:
    if act == "generate" and left == 0:
        yield _reason("controls.quota", "DSA-28", "over-quota", "quota")
