"""The report as a page to print: tables and charts in one file that needs nothing else."""

import io
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from scanner.transparency.tables import RULES, rows

TITLES: Final = {
    "orders": "Orders of authorities",
    "notices": "Notices, by form",
    "notices_in_all": "Notices of all forms but orders",
    "trusted_flaggers": "Notices of trusted flaggers",
    "own_initiative": "Restrictions on our own initiative",
    "by_notice_or_order": "Restrictions after a notice, an order or a contest",
    "restrictions_by_source": "Restrictions, by what they go back to",
    "complaints": "Complaints about our decisions",
    "disputes": "Disputes with rights holders",
    "claims": "Claims of rights holders",
    "out_of_court": "Disputes out of court",
    "suspensions": "Suspensions",
    "automation": "Automated means",
    "dmca": "Digital Millennium Copyright Act",
    "eu_database": "Statements in the EU's database",
}
_INK: Final = "#1d3557"
_SHADES: Final = ("#1d3557", "#457b9d", "#a8c5da", "#e9c46a", "#b5838d", "#6d6875")
_STYLE: Final = """
@page { size: A4; margin: 18mm; }
body { font: 10.5pt/1.45 "Liberation Sans", Arial, sans-serif; color: #111; max-width: 46em;
  margin: 0 auto; padding: 1em; }
h1 { font-size: 20pt; margin: 0 0 .2em; } h2 { font-size: 13pt; margin: 1.6em 0 .4em; }
h2 small { font-weight: normal; color: #555; }
table { border-collapse: collapse; width: 100%; break-inside: avoid; }
th, td { text-align: left; padding: .2em .6em .2em 0; border-bottom: 1px solid #ccc; }
.number { text-align: right; }
td.number { font-variant-numeric: tabular-nums; }
section, figure { break-inside: avoid; } figure { margin: 1em 0; }
figure svg { width: 100%; height: auto; } figcaption { color: #555; }
h2 { break-after: avoid; } code { overflow-wrap: anywhere; }
"""


def as_page(report: Mapping[str, Any]) -> str:
    """Return the report as one HTML document, well-formed as XML too."""
    period = report["period"]
    head = f"Transparency report of {report['platform']}"
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en" xmlns="http://www.w3.org/1999/xhtml"><head><meta charset="utf-8" />',
        f"<title>{escape(head)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(head)}</h1>",
        f"<p>{period['from']} to {period['to']} ({escape(period['zone'])}), under Articles 15 and 24 of "
        "Regulation (EU) 2022/2065 and 17 U.S.C. 512. Every figure is counted from the journal of "
        f"events; made at {escape(report['made_at'])}.</p>",
        *_charts(report),
        *(_section(report, name) for name in RULES),
        _proof(report["proof"]),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _section(report: Mapping[str, Any], name: str) -> str:
    found = [row for row in rows(report) if row[0] == name]
    title = f"<h2>{TITLES[name]} <small>{escape(RULES[name])}</small></h2>"
    if not found:
        return f"<section>{title}<p>None.</p></section>"
    categories = any(row[1] for row in found)
    head = ("<th>Kind</th>" if categories else "") + '<th>What</th><th class="number">Figure</th>'
    lines = "".join(
        "<tr>"
        + (f"<td>{_words(category)}</td>" if categories else "")
        + f'<td>{_words(indicator)}</td><td class="number">{_figure(value, unit)}</td></tr>'
        for _, category, indicator, value, unit, _ in found
    )
    return f"<section>{title}<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></section>"


def _proof(proof: Mapping[str, Any]) -> str:
    lines = "".join(
        f'<tr><td><code>{escape(type_)}</code></td><td class="number">{count}</td></tr>'
        for type_, count in proof["events_by_type"].items()
    )
    head = proof["head"]
    sealed = (
        f"The chain <code>{escape(proof['chain'])}</code> ends, for this period, with seal "
        f"{head['sequence']}: <code>{head['hash']}</code>."
        if head
        else "Nothing of it is sealed yet."
    )
    whole = "It was walked and is whole." if proof["whole"] else "It was walked and is BROKEN."
    return (
        f"<section><h2>Proof</h2><p>{sealed} {whole} Rows without a seal yet: {proof['unsealed']}. "
        f"Events of the period: {proof['events_in_period']}; of them these were counted by:</p>"
        f"<table><tbody>{lines}</tbody></table></section>"
    )


def _charts(report: Mapping[str, Any]) -> list[str]:
    forms = [form for form, each in report["notices"].items() if each["received"]]
    ends = ("actioned", "refused", "lapsed", "retracted")
    notices = {end: [report["notices"][form][end] for form in forms] for end in ends}
    sources = report["restrictions_by_source"]
    complaints = {each: report["complaints"][each] for each in ("granted", "partly", "denied")}
    return [
        _figure_of("What became of notices, by form", forms, notices),
        _figure_of(
            "Restrictions, by what they go back to", list(sources), {"": [*sources.values()]}
        ),
        _figure_of("What became of complaints", list(complaints), {"": [*complaints.values()]}),
    ]


def _figure_of(title: str, names: Sequence[str], stacks: Mapping[str, Sequence[int]]) -> str:
    """Draw bars that lie; nothing if there is nothing to draw. The tables say the same in figures."""
    if not any(any(each) for each in stacks.values()):
        return ""
    import matplotlib as mpl  # slow to load, and wanted by this page alone
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": title, "font.size": 9}):
        figure = Figure(figsize=(7, 0.9 + 0.4 * len(names)), layout="constrained")
        axes = figure.add_subplot()
        so_far = [0] * len(names)
        shown = [name.replace("_", " ") for name in names]
        for shade, (label, values) in zip(_SHADES, stacks.items(), strict=False):
            axes.barh(shown, values, left=so_far, color=shade, label=label or None)
            so_far = [done + more for done, more in zip(so_far, values, strict=True)]
        for place, total in enumerate(so_far):
            axes.annotate(f" {total}", (total, place), va="center", color=_INK)
        axes.invert_yaxis()
        axes.margins(x=0.1)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        if len(stacks) > 1:
            figure.legend(frameon=False, ncols=len(stacks), loc="outside upper left")
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    label = escape(title, quote=True)
    return f'<figure role="img" aria-label="{label}">{svg}<figcaption>{escape(title)}</figcaption></figure>'


def _words(name: str) -> str:
    return escape(name.replace("_", " ").replace("/", ", "))


def _figure(value: Any, unit: str) -> str:
    if value is None:
        return "–"
    if unit == "share":
        return f"{100 * value:.1f} %"
    return f"{value:.1f} h" if unit == "hours" else str(value)
