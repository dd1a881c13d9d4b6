"""Statements of reasons: what was done, why, and how to contest it (DSA-17)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from appeals.deadlines import deadline
from appeals.errors import MissingReasonError
from appeals.plain_statements import plain, reason_text, redress
from appeals.tables import StatementOfReasons

SourceKind = Literal["own_initiative", "notice", "trusted_flagger", "order", "claim", "contest"]
KINDS: Final[Mapping[str, str]] = {
    "territory": "visibility",
    "age": "visibility",
    "label": "visibility",
    "monetise": "money",
}
"""What a limit restricts, by its kind; of those that packs define themselves, visibility."""
WAYS: Final = ("complaint", "out_of_court", "court")
LEFT_BY_LAW: Final = ("court",)
"""What is left where a platform is exempt from the others and does not offer them (DSA-19)."""
BY_LAW: Final = frozenset({"notice", "trusted_flagger", "order"})


@dataclass(frozen=True, slots=True)
class Source:
    """What a restriction goes back to (DSA-17(3)(b)).

    Attributes
    ----------
    kind : str
        One of :data:`SourceKind`.
    form : str, optional
        Of a notice: one of :data:`appeals.forms.FORMS`.
    id : str, optional
        Of the notice, claim, dispute or appeal.
    searched : bool
        The notice does not name the track: it was found by the work that is named (stay-down).
    about : str, optional
        Of a contest: what the contested decision went back to.
    """

    kind: SourceKind = "own_initiative"
    form: str | None = None
    id: str | None = None
    searched: bool = False
    about: SourceKind | None = None

    @property
    def by_law(self) -> bool:
        """Whether somebody said that law forbids it, at once or before it was contested; else we found it."""
        return bool({self.kind, self.about} & BY_LAW)


OWN: Final = Source()


def state_reasons(
    *,
    statement_id: str,
    tenant_id: str,
    track_id: str,
    decision_id: str,
    effect: str,
    restrictions: Sequence[dict[str, Any]],
    reasons: Sequence[dict[str, Any]],
    automated_decision: bool,
    now: datetime,
    outcomes: Mapping[str, str] | None = None,
    source: Source = OWN,
    zone: str = "UTC",
    open_to_appeal: bool = True,
) -> StatementOfReasons:
    """Write the statement that goes with a restriction.

    Parameters
    ----------
    outcomes : mapping, optional
        Outcome by territory, ``*`` for the rest, as in a decision; none: the same everywhere.
    source : Source, optional
        What it goes back to.
    zone : str, optional
        IANA name of the zone in which the last day to contest it ends.
    open_to_appeal : bool, optional
        Whether there is a complaint and a body out of court: an exempt platform need not offer them (DSA-19).

    Raises
    ------
    MissingReasonError
        If no reason is given: a restriction without one must not take effect.
    """
    reasons = [reason for reason in reasons if reason.get("outcome") != "clear"]  # records only
    if not any(reason.get("text") for reason in reasons):
        raise MissingReasonError(f"track {track_id} would be {effect} without a reason")
    basis = sorted({str(rule) for reason in reasons for rule in reason.get("legal_basis", [])})
    territories, excepted = area_of(outcomes or {"*": "block"})
    statement = StatementOfReasons(
        id=statement_id,
        tenant_id=tenant_id,
        track_id=track_id,
        decision_id=decision_id,
        effect=effect,
        restrictions=list(restrictions),
        territories=territories,
        excepted=excepted,
        facts=list(reasons),
        source=source.kind,
        source_form=source.form,
        source_id=source.id,
        ground="law" if source.by_law else "terms",
        legal_basis=basis,
        automated_detection=source.searched or not source.by_law,
        automated_decision=automated_decision,
        contest_until=deadline("complaint-window", now, zone).due_at if open_to_appeal else None,
        open_to_appeal=open_to_appeal,
        redress="",
        text="",
        created_at=now,
    )
    statement.redress = redress(statement, "en", zone)
    statement.text = plain(statement, "en", zone)
    return statement


def area_of(outcomes: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return where outcomes restrict: territories, ``*`` for everywhere, and those left out."""
    hit = sorted(code for code, outcome in outcomes.items() if outcome != "clear")
    if "*" not in hit:
        return hit or ["*"], []
    return ["*"], sorted(code for code, outcome in outcomes.items() if outcome == "clear")


def restricts(statement: StatementOfReasons) -> list[str]:
    """Return what a statement's effect restricts: visibility and money, the service, or the account (DSA-17(1))."""
    if statement.track_id is None:
        return ["account" if statement.what == "account" else "service"]
    return kinds_of(statement.effect, statement.restrictions)


def kinds_of(effect: str, restrictions: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what is restricted of a track: visibility, money, or both (DSA-17(1))."""
    if effect != "conditioned":
        return ["visibility"]
    return sorted({KINDS.get(str(each["kind"]), "visibility") for each in restrictions}) or [
        "visibility"
    ]


def machine_form(statement: StatementOfReasons, language: str = "en") -> dict[str, Any]:
    """Return a statement with each part that DSA-17(3) asks for as a field, reasons in a language."""
    until, ends_at = statement.contest_until, statement.ends_at
    matter, party = statement.matter_kind, statement.party_kind
    return {
        "id": statement.id,
        "track_id": statement.track_id,
        "decision_id": statement.decision_id,
        "matter": {"kind": matter, "id": statement.matter_id} if matter else None,
        "party": {"kind": party, "id": statement.party_id} if party else None,
        "what": statement.what,
        "effect": statement.effect,
        "restricts": restricts(statement),
        "restrictions": statement.restrictions,
        "territories": statement.territories,
        "except": statement.excepted,
        "starts_at": statement.created_at.isoformat(),
        "ends_at": ends_at.isoformat() if ends_at else None,
        "ends_when": _ends_when(statement),
        "source": statement.source,
        "source_form": statement.source_form,
        "source_id": statement.source_id,
        "reasons": [
            {
                "rule": reason.get("rule"),
                "text": reason_text(reason, language) or None,
                "legal_basis": list(reason.get("legal_basis", [])),
            }
            for reason in statement.facts
        ],
        "automated_detection": statement.automated_detection,
        "automated_decision": statement.automated_decision,
        "ground": statement.ground,
        "legal_basis": statement.legal_basis,
        "redress": {
            "ways": list(WAYS if statement.open_to_appeal else LEFT_BY_LAW),
            "until": until.isoformat() if until else None,
        },
    }


def _ends_when(statement: StatementOfReasons) -> str:
    if statement.ends_at is not None:
        return "over"
    return "decided" if statement.effect == "quarantined" else "lifted"
