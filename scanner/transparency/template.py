"""The report in the parts of the EU's template: Annex I of Implementing Regulation (EU) 2024/2835, as CSV.

Headings, indicators and scopes are those of the Commission's English CSV templates. What the journal counts is filled
in, in the rows for all categories; what nobody counted here is empty, and is the platform's to fill in.
"""

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

ALL: Final = "All"
HOSTING: Final = "Only for providers of hosting services, including online platforms"
PLATFORMS: Final = "Only for providers of online platforms"
TOTAL: Final = "TOTAL"
_PREFIX: Final = "EN_Annex_I__Transparency_Reports_CSV_Part_"
_OTHER: Final = 'Description of the sub-category "Other"'
_HOURS: Final = "in hours"
_COMPLAINTS: Final = "Internal complaints mechanism"
_COURTS: Final = "Out-of-court dispute settlement bodies"
_MACHINES: Final = "Use of automated means for content moderation"
_ENDS: Final = (
    ("Total number", "filed"),
    ("Decisions upheld", "denied"),
    ("Decisions partially reversed", "partly"),
    ("Decisions reversed", "granted"),
    ("Median time", "median_hours_to_decision"),
    ("Decision omitted", "withdrawn"),
)
_REFUSED: Final = "Complaint regarding a decision not to take action on a notice submitted in accordance with Article 16"
_WRITTEN: Final = (
    "Summary of the content moderation engaged in at the providers\u2019 own initiative",
    "Meaningful and comprehensible information regarding content moderation engaged in at the providers' own "
    "initiative",
    "Qualitative description of the automated means",
    "Qualitative description of indicators of accuracy and possible rate of error of automated means",
    "Specification of the precise purposes to apply automated means",
    "Safeguards applied to the use of automated means",
)
Cells = Sequence[Any]


def as_zip(report: Mapping[str, Any], made_on: date) -> bytes:
    """Return the parts as CSV files (RFC 4180, UTF-8) in a ZIP.

    Parameters
    ----------
    report : mapping
        As :func:`scanner.transparency.of_period` returns it.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as made:
        for name, lines in parts(report, made_on).items():
            text = io.StringIO()
            csv.writer(text).writerows(
                ["" if cell is None else cell for cell in line] for line in lines
            )
            entry = zipfile.ZipInfo(
                f"{_PREFIX}{name}.csv", (made_on.year, made_on.month, made_on.day, 0, 0, 0)
            )
            made.writestr(entry, text.getvalue(), zipfile.ZIP_DEFLATED)
    return content.getvalue()


def parts(report: Mapping[str, Any], made_on: date) -> dict[str, list[Cells]]:
    """Return the lines of each part, headings first, by the part's number and name."""
    period = f"{report['period']['from']}/{report['period']['to']}"
    said = report["platform"], period
    return {
        "1_summary": _summary(report, made_on),
        "3_member_states_orders": _orders(report["orders"], *said),
        "4_notices": _notices(report, *said),
        "5_own_initiative_illegal": _own(report, *said, law=True),
        "6_own_initiative_TC": _own(report, *said, law=False),
        "7_appeals_and_recidivism": [
            ("Applicability", "Service", "Reporting period", "Section", "Indicator", "Scope", "Value",
             "Contextual Information"),
            *((who, *said, *cells) for who, *cells in _contests(report)),
        ],
        "8_automated_means": [
            ("Applicability", "Service", "Reporting period", "Section", "Indicator", "Scope", "Value",
             "Contextual Information"),
            *((who, *said, _MACHINES, *cells) for who, *cells in _automated(report)),
        ],
        "11_qualitative": [
            ("Applicability", "Service", "Reporting period", "Indicator", "Value"),
            *((ALL, *said, indicator, None) for indicator in _WRITTEN),
        ],
    }  # fmt: skip


def _summary(report: Mapping[str, Any], made_on: date) -> list[Cells]:
    service, period = report["platform"], report["period"]
    return [
        ("Applicability", "Service", "Indicator", "Value"),
        (ALL, service, "Name of the service provider", service),
        (ALL, service, "Date of the publication of the report", made_on.isoformat()),
        (ALL, service, "Date of the publication of the latest previous report", None),
        (ALL, service, "Starting date of reporting period", period["from"]),
        (ALL, service, "Ending date of reporting period", period["to"]),
    ]


def _orders(orders: Mapping[str, Any], service: str, period: str) -> list[Cells]:
    figures = {
        "Number of orders to act against illegal content received": orders["received"],
        "Number of specific items of information included in the total number of orders to act against illegal "
        "content": None,
        "Median time to inform the authority of the receipt of the order to act against illegal content": None,
        "Median time to give effect to the order to act against illegal content": orders[
            "median_hours_to_decision"
        ],
        "Number of orders to provide information": None,
        "Median time to inform the authority of the receipt of the order to provide information": None,
        "Median time to give effect to the order to provide information": None,
    }
    begin = {"Category of illegal content": TOTAL, _OTHER: None, "Scope": TOTAL}
    return _wide(ALL, service, period, begin, figures, "Contextual information on ")


def _notices(report: Mapping[str, Any], service: str, period: str) -> list[Cells]:
    notices, made = report["notices_in_all"], report["by_notice_or_order"]
    trusted = " (Trusted Flagger notices)"
    items = "Number of specific items of information included in the total number of notices"
    law = "Number of actions taken on the basis of the law"
    terms = "Number of actions taken on the basis of the terms and conditions of the service"
    figures = {
        "Number of notices received ": notices["received"],
        "Number of notices received from Trusted flaggers": report["trusted_flaggers"].get(
            "received", 0
        ),
        items: None,
        f"{items} by Trusted Flaggers{trusted}": None,
        "Median time to take action": notices["median_hours_to_decision"],
        f"Median time to take action{trusted}": notices[
            "median_hours_to_decision_of_trusted_flaggers"
        ],
        law: made.get("ground/law", 0),
        f"{law}{trusted}": report["restrictions_by_source"].get("trusted_flagger", 0),
        terms: made.get("ground/terms", 0),
        f"{terms}{trusted}": 0,
    }
    begin = {"Category of illegal content": TOTAL, _OTHER: None}
    return _wide(HOSTING, service, period, begin, figures, "Contextual information on ")


def _own(report: Mapping[str, Any], service: str, period: str, *, law: bool) -> list[Cells]:
    """What we did of ourselves rests on the terms; what is against the law was said so by somebody."""
    own = {} if law else report["own_initiative"]
    ended = own.get("effect/terminated", 0)
    accounts = own.get("restricts/account", 0) - ended
    figures = {
        "Number of measures taken at the provider's own initiative ": own.get("all", 0),
        "Number of measures taken after detection with solely automated means ": own.get(
            "found_by_automated_means", 0
        ),
        "Visibility restriction Removal": 0,
        "Visibility restriction Disable": sum(
            own.get(each, 0) for each in ("effect/quarantined", "effect/blocked", "limit/territory")
        ),
        "Visibility restriction Demoted": 0,
        "Visibility restriction Age restricted": own.get("limit/age", 0),
        "Visibility restriction Interaction restricted": 0,
        "Visibility restriction Labelled ": own.get("limit/label", 0),
        "Visibility restriction Other": None,
        "Monetary restriction Suspension": 0,
        "Monetary restriction Termination": 0,
        "Monetary restriction Other": own.get("limit/monetise", 0),
        "Provision of the service Suspension": own.get("effect/suspended", 0) - accounts,
        "Provision of the service Termination": 0,
        "Account restriction Suspension": accounts,
        "Account restriction Termination": ended,
    }
    category = (
        "Category of illegal content"
        if law
        else "Category of incompatibility with the provider's terms and conditions"
    )
    begin = {category: TOTAL, _OTHER: None}
    return _wide(ALL, service, period, begin, figures, "Contextual Information on ")


def _wide(
    who: str,
    service: str,
    period: str,
    begin: Mapping[str, Any],
    figures: Mapping[str, Any],
    context: str,
) -> list[Cells]:
    """Return headings and the one line of a part that has a column for each figure."""
    told = [
        _HOURS if "Median" in name and value is not None else None
        for name, value in figures.items()
    ]
    return [
        (
            "Applicability",
            "Service",
            "Reporting period",
            *begin,
            *figures,
            *(context + each for each in figures),
        ),
        (who, service, period, *begin.values(), *figures.values(), *told),
    ]


def _contests(report: Mapping[str, Any]) -> Iterator[Cells]:
    complaints, courts, ends = report["complaints"], report["out_of_court"], report["suspensions"]
    submitted = "Number of complaints submitted to the internal-complaints mechanism"
    for scope, key in _ENDS:
        who = ALL if scope == "Total number" else PLATFORMS
        yield (
            who,
            _COMPLAINTS,
            submitted,
            scope,
            complaints[key],
            _HOURS if "Median" in scope else None,
        )
    yield (
        PLATFORMS,
        _COMPLAINTS,
        _REFUSED,
        "Total number",
        sum(complaints["by_basis"].get(each, 0) for each in ("notice", "copy")),
        None,
    )
    disputes = "Number of disputes submitted to out-of-court dispute settlement bodies"
    yield PLATFORMS, _COURTS, disputes, "Total number", courts.get("submitted", 0), None
    for scope in (
        *("Decisions upheld", "Decisions partially reversed", "Decisions reversed", "Median time"),
        *("Decision omitted", "Percentage of outcomes implemented"),
    ):
        yield PLATFORMS, _COURTS, disputes, scope, None, None
    misuse = "Suspensions imposed on repeated offenders"
    for what, kinds in (
        ("illegal content ", ("uploads", "account")),
        ("unfounded notices", ("notices",)),
        ("unfounded complaints", ("complaints",)),
    ):
        indicator = f"Number of suspensions enacted for the provision of manifestly {what}"
        count = sum(ends.get(f"{each}/suspension/in_force", 0) for each in kinds)
        yield PLATFORMS, misuse, indicator, "Total number", count, None


def _automated(report: Mapping[str, Any]) -> Iterator[Cells]:
    counts = report["automation"]
    alone = counts["restrictions_decided_by_rules_alone"]
    every = report["own_initiative"].get("all", 0) + report["by_notice_or_order"].get("all", 0)
    wrong = counts["error_rate"]
    yield ALL, "Number of measures solely taken by automated means ", "Total number", alone, None
    yield (
        ALL,
        "Number of measures not taken by automated means",
        "Total number",
        every - alone,
        None,
    )
    accuracy = None if wrong is None else round(1 - wrong, 4)
    basis = "Share of the period's measures by rules alone that no contest reversed within it"
    yield ALL, "Accuracy of the automated means - Accuracy", "Total number", accuracy, basis
    for each in ("Precision", "Recall"):
        yield ALL, f"Accuracy of the automated means - {each}", "Total number", None, None
    notices = report["notices_in_all"]
    done, rules = notices["actioned"] + notices["refused"], notices["decided_by_rules_alone"]
    yield (
        HOSTING,
        "Number of notices solely processed by automated means ",
        "NAM Total",
        rules,
        None,
    )
    yield (
        HOSTING,
        "Number of notices not processed by automated means",
        "NAM Total",
        done - rules,
        None,
    )
