"""The report as flat rows, for CSV and for the page."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any, Final

from scanner import safe_csv

COLUMNS: Final = ("section", "category", "indicator", "value", "unit", "rule")
RULES: Final = {
    "orders": "DSA 15(1)(a)",
    "notices": "DSA 15(1)(b)",
    "notices_in_all": "DSA 15(1)(b)",
    "trusted_flaggers": "DSA 15(1)(b)",
    "own_initiative": "DSA 15(1)(c)",
    "by_notice_or_order": "DSA 15(1)(a), (b)",
    "restrictions_by_source": "DSA 15(1)",
    "complaints": "DSA 15(1)(d)",
    "disputes": "DSM 17(9)",
    "claims": "DSM 17",
    "out_of_court": "DSA 24(1)(a)",
    "suspensions": "DSA 24(1)(b)",
    "automation": "DSA 15(1)(e)",
    "dmca": "17 U.S.C. 512",
    "eu_database": "DSA 24(5)",
}
"""The rule that asks for each section."""


def rows(report: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Any, str, str]]:
    """Return section, category, indicator, value, unit and rule of every figure, in order."""
    for section, rule in RULES.items():
        for name, value in report[section].items():
            if isinstance(value, Mapping):
                for indicator, figure in value.items():
                    yield section, name, indicator, figure, _unit(indicator), rule
            else:
                category, _, indicator = name.rpartition("/")
                yield section, category, indicator, value, _unit(indicator), rule


def as_csv(report: Mapping[str, Any]) -> str:
    """Return the report as CSV (RFC 4180), UTF-8, with the period and the proof as first sections."""
    text = io.StringIO()
    out = csv.writer(text)
    out.writerow(COLUMNS)
    name = safe_csv.cell(report["platform"])
    out.writerow(("identification", "", "platform", name, "", "DSA 15(1)"))
    for name in ("from", "to", "zone"):
        out.writerow(("identification", "period", name, report["period"][name], "", "DSA 15(1)"))
    for row in rows(report):
        out.writerow(safe_csv.cell(each) for each in row)
    proof = report["proof"]
    for type_, count in proof["events_by_type"].items():
        out.writerow(("proof", "events", type_, count, "events", ""))
    if proof["head"]:
        for name in ("sequence", "hash"):
            out.writerow(("proof", "chain", name, proof["head"][name], "", ""))
    return text.getvalue()


def _unit(indicator: str) -> str:
    if "hours" in indicator:
        return "hours"
    return "share" if indicator in ("error_rate", "re_review_agreement") else "count"
