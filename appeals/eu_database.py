"""Statements of reasons as the EU's DSA Transparency Database takes them (DSA-24/15).

Field names, enumerations, lengths and conditions are those of its public source, ``StatementStoreRequest`` and
``Statement`` of github.com/digital-services-act/transparency-database at 69e80a0b (2026-06-24). Nothing that a
person wrote goes there: texts are put together from codes, and are looked through all the same.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from appeals.tables import StatementOfReasons

BATCH: Final = 100
"""Statements that one call may carry."""
COUNTRIES: Final = frozenset(
    {
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"),
        *("IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"),
    }
)
"""Of the European Economic Area, ISO 3166."""

Visibility = Literal[
    "DECISION_VISIBILITY_CONTENT_REMOVED",
    "DECISION_VISIBILITY_CONTENT_DISABLED",
    "DECISION_VISIBILITY_CONTENT_DEMOTED",
    "DECISION_VISIBILITY_CONTENT_AGE_RESTRICTED",
    "DECISION_VISIBILITY_CONTENT_INTERACTION_RESTRICTED",
    "DECISION_VISIBILITY_CONTENT_LABELLED",
    "DECISION_VISIBILITY_OTHER",
]
Monetary = Literal[
    "DECISION_MONETARY_SUSPENSION", "DECISION_MONETARY_TERMINATION", "DECISION_MONETARY_OTHER"
]
Provision = Literal[
    "DECISION_PROVISION_PARTIAL_SUSPENSION",
    "DECISION_PROVISION_TOTAL_SUSPENSION",
    "DECISION_PROVISION_PARTIAL_TERMINATION",
    "DECISION_PROVISION_TOTAL_TERMINATION",
]
Account = Literal["DECISION_ACCOUNT_SUSPENDED", "DECISION_ACCOUNT_TERMINATED"]
Category = Literal[
    "STATEMENT_CATEGORY_ANIMAL_WELFARE",
    "STATEMENT_CATEGORY_CONSUMER_INFORMATION",
    "STATEMENT_CATEGORY_CYBER_VIOLENCE",
    "STATEMENT_CATEGORY_CYBER_VIOLENCE_AGAINST_WOMEN",
    "STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS",
    "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH",
    "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS",
    "STATEMENT_CATEGORY_NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS",
    "STATEMENT_CATEGORY_NOT_SPECIFIED_NOTICE",
    "STATEMENT_CATEGORY_OTHER_VIOLATION_TC",
    "STATEMENT_CATEGORY_PROTECTION_OF_MINORS",
    "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
    "STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
    "STATEMENT_CATEGORY_SELF_HARM",
    "STATEMENT_CATEGORY_UNSAFE_AND_PROHIBITED_PRODUCTS",
    "STATEMENT_CATEGORY_VIOLENCE",
]
Keyword = Literal[
    "KEYWORD_COPYRIGHT_INFRINGEMENT",
    "KEYWORD_AGE_SPECIFIC_RESTRICTIONS",
    "KEYWORD_AGE_SPECIFIC_RESTRICTIONS_MINORS",
    "KEYWORD_HATE_SPEECH",
    "KEYWORD_OTHER",
]
"""Of more than 60, those that this program has a use for."""
Day = Annotated[str, Field(pattern=r"^20[0-3]\d-[01]\d-[0-3]\d$")]
Short = Annotated[str, Field(min_length=1, max_length=500)]
YesNo = Literal["Yes", "No"]


class EuStatement(BaseModel):
    """One statement as the database takes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    decision_visibility: tuple[Visibility, ...] | None = None
    decision_visibility_other: Short | None = None
    decision_monetary: Monetary | None = None
    decision_monetary_other: Short | None = None
    decision_provision: Provision | None = None
    decision_account: Account | None = None
    end_date_service_restriction: Day | None = None
    end_date_account_restriction: Day | None = None
    decision_ground: Literal[
        "DECISION_GROUND_ILLEGAL_CONTENT", "DECISION_GROUND_INCOMPATIBLE_CONTENT"
    ]
    illegal_content_legal_ground: Short | None = None
    illegal_content_explanation: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    incompatible_content_ground: Short | None = None
    incompatible_content_explanation: (
        Annotated[str, Field(min_length=1, max_length=2000)] | None
    ) = None
    incompatible_content_illegal: YesNo | None = None
    content_type: Annotated[
        tuple[Literal["CONTENT_TYPE_AUDIO", "CONTENT_TYPE_SYNTHETIC_MEDIA"], ...],
        Field(min_length=1),
    ]
    category: Category
    category_specification: tuple[Keyword, ...] | None = None
    category_specification_other: Short | None = None
    territorial_scope: tuple[str, ...] | None = None
    content_date: Day
    application_date: Day
    decision_facts: Annotated[str, Field(min_length=1, max_length=5000)]
    source_type: Literal[
        "SOURCE_ARTICLE_16",
        "SOURCE_TRUSTED_FLAGGER",
        "SOURCE_VOLUNTARY",
        "SOURCE_TYPE_OTHER_NOTIFICATION",
    ]
    automated_detection: YesNo
    automated_decision: Literal[
        "AUTOMATED_DECISION_FULLY",
        "AUTOMATED_DECISION_PARTIALLY",
        "AUTOMATED_DECISION_NOT_AUTOMATED",
    ]
    puid: Annotated[str, Field(max_length=500, pattern=r"^[a-zA-Z0-9-_]+$")]

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if not (
            self.decision_visibility
            or self.decision_monetary
            or self.decision_provision
            or self.decision_account
        ):
            raise ValueError("name at least one restriction")
        if "DECISION_VISIBILITY_OTHER" in (self.decision_visibility or ()):
            self._needs("decision_visibility_other")
        if self.decision_monetary == "DECISION_MONETARY_OTHER":
            self._needs("decision_monetary_other")
        if self.decision_ground == "DECISION_GROUND_ILLEGAL_CONTENT":
            self._needs("illegal_content_legal_ground", "illegal_content_explanation")
        else:
            self._needs("incompatible_content_ground", "incompatible_content_explanation")
        unknown = set(self.territorial_scope or ()) - COUNTRIES
        if unknown:
            raise ValueError(f"not in the European Economic Area: {', '.join(sorted(unknown))}")
        if not "2000-01-01" <= self.content_date <= "2038-01-01":
            raise ValueError("content_date lies outside 2000 to 2038")
        if not "2020-01-01" <= self.application_date <= "2038-01-01":
            raise ValueError("application_date lies outside 2020 to 2038")
        for day in (self.content_date, self.application_date):
            date.fromisoformat(day)
        return self

    def _needs(self, *names: str) -> None:
        missing = [name for name in names if not getattr(self, name)]
        if missing:
            raise ValueError(f"give {', '.join(missing)}")

    def to_json(self) -> dict[str, Any]:
        """Return it as it is posted."""
        return self.model_dump(mode="json", exclude_none=True)


def scope_of(territories: Sequence[str], excepted: Sequence[str]) -> list[str]:
    """Return the countries of the European Economic Area in which a restriction holds."""
    inside = COUNTRIES if "*" in territories else COUNTRIES & set(territories)
    return sorted(inside - set(excepted))


def eu_statement(
    statement: StatementOfReasons, *, made_on: date, synthetic: bool, human: bool
) -> EuStatement | None:
    """Return a statement as the database takes it; None if it is none for it, or holds nowhere in the EEA.

    Of what is done to parties, it takes what suspends or ends an account or its uploads (DSA-17(1)(c), (d)); whoever
    is suspended from notices or complaints, by DSA-23(2), loses nothing that DSA-17(1) lists.

    Parameters
    ----------
    made_on : date
        When the track was submitted, or the account made.
    synthetic : bool
        It was generated.
    human : bool
        A person alone decided, no rules.
    """
    scope = scope_of(statement.territories, statement.excepted)
    if not scope or not _is_restriction(statement):
        return None
    kinds = {str(each["kind"]) for each in statement.restrictions}
    rules = _rules(statement)
    category, keyword = _category(statement, kinds, rules)
    return EuStatement.model_validate(
        {
            **_restriction(statement, kinds),
            **_grounds(statement, rules),
            "content_type": ["CONTENT_TYPE_AUDIO"]
            + (["CONTENT_TYPE_SYNTHETIC_MEDIA"] if synthetic else []),
            "category": category,
            "category_specification": [keyword] if keyword else None,
            "territorial_scope": scope,
            "content_date": made_on.isoformat(),
            "application_date": statement.created_at.date().isoformat(),
            "decision_facts": _facts(statement, rules),
            "source_type": _source_type(statement),
            "automated_detection": "Yes" if statement.automated_detection else "No",
            "automated_decision": "AUTOMATED_DECISION_FULLY"
            if statement.automated_decision
            else f"AUTOMATED_DECISION_{'NOT_AUTOMATED' if human else 'PARTIALLY'}",
            "puid": statement.id,
        }
    )


_PERSONAL: Final = (
    ("an e-mail address", re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")),
    (
        "a telephone number",
        re.compile(r"(?<![\w/-])(?:\+\d|0\d|\(\d{2,5}\)|\d{3}[ .-]\d{3})[\d ().-]{3,}\d(?!\w)"),
    ),
    ("an address of the web", re.compile(r"(?i)\b(?:https?://|www\.)")),
)


def personal_in(texts: Iterable[str], names: Iterable[str] = ()) -> list[str]:
    """Return what of texts looks like personal data; nothing if they may go out.

    Parameters
    ----------
    names : iterable of str
        Of people and accounts: none of them may stand in a text.
    """
    whole = "\n".join(texts)
    found = [what for what, pattern in _PERSONAL if pattern.search(whole)]
    low = whole.casefold()
    if any(re.search(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", low) for name in names if name):
        found.append("a name")
    return found


def texts_of(payload: Mapping[str, Any]) -> list[str]:
    """Return the free texts of a statement as it is posted."""
    return [
        str(payload[name])
        for name in (
            "decision_facts",
            "decision_visibility_other",
            "decision_monetary_other",
            "illegal_content_legal_ground",
            "illegal_content_explanation",
            "incompatible_content_ground",
            "incompatible_content_explanation",
            "category_specification_other",
        )
        if payload.get(name)
    ]


def _is_restriction(statement: StatementOfReasons) -> bool:
    if statement.track_id is not None:
        return True
    suspends = statement.effect in {"suspended", "terminated"}
    return (
        suspends and statement.party_kind == "account" and statement.what in {"uploads", "account"}
    )


def _measure(statement: StatementOfReasons) -> dict[str, Any]:
    end = statement.ends_at.date().isoformat() if statement.ends_at else None
    if statement.what == "account":
        said = {"decision_account": f"DECISION_ACCOUNT_{statement.effect.upper()}"}
        return said | ({"end_date_account_restriction": end} if end else {})
    said = {"decision_provision": "DECISION_PROVISION_PARTIAL_SUSPENSION"}
    return said | ({"end_date_service_restriction": end} if end else {})


def _restriction(statement: StatementOfReasons, kinds: set[str]) -> dict[str, Any]:
    if statement.track_id is None:
        return _measure(statement)
    if statement.effect != "conditioned":
        return {"decision_visibility": ["DECISION_VISIBILITY_CONTENT_DISABLED"]}
    seen = []
    if "territory" in kinds:
        seen.append("DECISION_VISIBILITY_CONTENT_DISABLED")
    if "age" in kinds:
        seen.append("DECISION_VISIBILITY_CONTENT_AGE_RESTRICTED")
    if "label" in kinds:
        seen.append("DECISION_VISIBILITY_CONTENT_LABELLED")
    said: dict[str, Any] = {}
    if "monetise" in kinds:
        said["decision_monetary"] = "DECISION_MONETARY_OTHER"
        said["decision_monetary_other"] = "The revenue goes to the holder of the rights."
    elif not seen:
        seen.append("DECISION_VISIBILITY_OTHER")
        said["decision_visibility_other"] = "The track is available with limits."
    return said | ({"decision_visibility": seen} if seen else {})


_LAWS: Final = {
    "dmca": "Copyright: notice with the elements of 17 U.S.C. 512(c)(3)(A)",
    "dsa": "Illegal content as stated in a notice under Article 16 of Regulation (EU) 2022/2065",
    "likeness": "Right of a person to their voice and likeness, as stated in a notice",
    "order": "Order of an authority under Article 9 of Regulation (EU) 2022/2065",
}


def _grounds(statement: StatementOfReasons, rules: str) -> dict[str, Any]:
    if statement.ground == "law":
        return {
            "decision_ground": "DECISION_GROUND_ILLEGAL_CONTENT",
            "illegal_content_legal_ground": _LAWS.get(statement.source_form or "dsa", _LAWS["dsa"]),
            "illegal_content_explanation": "The statements of the notice or order were found to hold. "
            f"Reason on record: {rules}.",
        }
    return {
        "decision_ground": "DECISION_GROUND_INCOMPATIBLE_CONTENT",
        "incompatible_content_ground": f"Published rules of the service: {rules}"[:500],
        "incompatible_content_explanation": "The conditions of these published rules were found to hold "
        f"for the {'account' if statement.track_id is None else 'track'}.",
    }


def _facts(statement: StatementOfReasons, rules: str) -> str:
    if statement.track_id is None:
        return f"People weighed what an account had sent, after a warning; what applied: {rules}."
    found = "by automated comparison" if statement.automated_detection else "by a notification"
    return f"An audio track came to notice {found}; what applied: {rules}."


def _rules(statement: StatementOfReasons) -> str:
    ids = dict.fromkeys(str(reason.get("rule", "")) for reason in statement.facts)
    return ", ".join(each for each in ids if each)[:400] or "a reason on record"


def _source_type(statement: StatementOfReasons) -> str:
    if statement.source == "trusted_flagger":
        return "SOURCE_TRUSTED_FLAGGER"
    if statement.source == "notice":
        outside = statement.source_form == "dmca"
        return "SOURCE_TYPE_OTHER_NOTIFICATION" if outside else "SOURCE_ARTICLE_16"
    return "SOURCE_TYPE_OTHER_NOTIFICATION" if statement.source == "order" else "SOURCE_VOLUNTARY"


_COPYRIGHT: Final = ("DMCA-", "DSM-", "DE-URHDAG")
_MINORS: Final = ("COPPA", "GDPR-8", "UKGDPR-8", "UK-CC", "DSA-28")


def _category(statement: StatementOfReasons, kinds: set[str], rules: str) -> tuple[str, str | None]:
    """Category and keyword, by what the reasons rest on; a guess is never made from texts."""
    basis = statement.legal_basis
    if statement.source_form == "likeness":
        return "STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS", None
    if "hate" in rules:
        return "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH", "KEYWORD_HATE_SPEECH"
    if statement.source_form == "dmca" or any(each.startswith(_COPYRIGHT) for each in basis):
        return (
            "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS",
            "KEYWORD_COPYRIGHT_INFRINGEMENT",
        )
    if "age" in kinds or any(each.startswith(_MINORS) for each in basis):
        return (
            "STATEMENT_CATEGORY_PROTECTION_OF_MINORS",
            "KEYWORD_AGE_SPECIFIC_RESTRICTIONS_MINORS",
        )
    if statement.ground == "law":
        return "STATEMENT_CATEGORY_NOT_SPECIFIED_NOTICE", None
    return "STATEMENT_CATEGORY_OTHER_VIOLATION_TC", None
