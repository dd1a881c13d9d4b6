"""The parts of the EU's template (Implementing Regulation (EU) 2024/2835): its headings, our figures."""

import csv
import io
import zipfile
from datetime import UTC, date, datetime, timedelta
from typing import Any

from scanner.transparency import as_zip
from scanner.transparency.counting import Happened, Tally
from scanner.transparency.report import sections
from scanner.transparency.template import parts

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = date(2027, 2, 1)
NOT_ACTED_ON = (
    "Complaint regarding a decision not to take action on a notice submitted in accordance with "
    "Article 16"
)


def told(*events: tuple[str, str, dict[str, Any], float]) -> dict[str, Any]:
    tally = Tally(START, START + timedelta(days=365)).add_all(
        Happened(f"clearance.{type_}", subject, START + timedelta(hours=hour), "reviewer", data)
        for type_, subject, data, hour in events
    )
    period = {"from": "2026-01-01", "to": "2026-12-31", "zone": "UTC"}
    return {"platform": "one", "period": period, **sections(tally)}


def stated(what: str, **more: Any) -> tuple[str, str, dict[str, Any], float]:
    data = {
        "track_id": None,
        "effect": "blocked",
        "restricts": ["visibility"],
        "limits": [],
        "source": "own_initiative",
        "ground": "terms",
        "automated_detection": False,
        "automated_decision": False,
    }
    return "statement.written", what, data | more, 1


def figures(lines: list[Any]) -> dict[str, Any]:
    """Of a part with a column a figure, its one line by heading."""
    head, line = lines
    assert len(head) == len(line)
    return dict(zip(head, line, strict=True))


def test_notices_go_into_part_4_with_the_median_over_all_forms() -> None:
    report = told(
        ("notice.received", "a", {"detail": {"form": "dmca"}}, 0),
        ("notice.received", "b", {"detail": {"form": "dsa", "trusted": True}}, 0),
        ("notice.received", "c", {"detail": {"form": "order"}}, 0),
        ("notice.actioned", "a", {}, 10),
        ("notice.refused", "b", {}, 4),
        ("notice.actioned", "c", {}, 100),
        stated("s", source="notice", ground="law"),
    )
    line = figures(parts(report, DAY)["4_notices"])
    assert line["Number of notices received "] == 2
    assert line["Number of notices received from Trusted flaggers"] == 1
    assert line["Median time to take action"] == 7
    assert line["Median time to take action (Trusted Flagger notices)"] == 4
    assert line["Number of actions taken on the basis of the law"] == 1
    assert len(line) == 25
    orders = figures(parts(report, DAY)["3_member_states_orders"])
    assert orders["Number of orders to act against illegal content received"] == 1
    assert len(orders) == 20


def test_measures_of_our_own_go_into_part_6_by_what_they_restrict() -> None:
    report = told(
        stated("a", automated_detection=True),
        stated("b", effect="conditioned", limits=["age"]),
        stated("c", effect="conditioned", restricts=["money"], limits=["monetise"]),
        stated("d", effect="suspended", restricts=["service"]),
        stated("e", effect="suspended", restricts=["account"]),
        stated("f", effect="terminated", restricts=["account"]),
    )
    line = figures(parts(report, DAY)["6_own_initiative_TC"])
    said = {name: value for name, value in line.items() if value and "ontextual" not in name}
    assert {name.strip(): said[name] for name in list(said)[4:]} == {
        "Number of measures taken at the provider's own initiative": 6,
        "Number of measures taken after detection with solely automated means": 1,
        "Visibility restriction Disable": 1,
        "Visibility restriction Age restricted": 1,
        "Monetary restriction Other": 1,
        "Provision of the service Suspension": 1,
        "Account restriction Suspension": 1,
        "Account restriction Termination": 1,
    }
    assert len(line) == 37


def test_complaints_and_suspensions_go_into_part_7() -> None:
    report = told(
        ("appeal.filed", "a", {"detail": {"subject_kind": "notice", "filed_as": "notifier"}}, 0),
        ("appeal.denied", "a", {"detail": {}}, 24),
        ("appeal.filed", "b", {"detail": {"subject_kind": "copy", "filed_as": "notifier"}}, 0),
        ("appeal.filed", "c", {"detail": {"subject_kind": "strike", "filed_as": "creator"}}, 0),
        ("sanction.in_force", "s", {"what": "uploads", "kind": "suspension"}, 1),
        ("sanction.in_force", "w", {"what": "notices", "kind": "warning"}, 1),
    )
    lines = parts(report, DAY)["7_appeals_and_recidivism"]
    found = {(line[4].strip(), line[5]): line[6] for line in lines[1:]}
    submitted = "Number of complaints submitted to the internal-complaints mechanism"
    assert found[submitted, "Total number"] == 3
    assert found[NOT_ACTED_ON, "Total number"] == 2
    assert found[submitted, "Decisions upheld"] == 1
    assert found[submitted, "Median time"] == 24
    suspended = "Number of suspensions enacted for the provision of manifestly"
    assert found[f"{suspended} illegal content", "Total number"] == 1
    assert found[f"{suspended} unfounded notices", "Total number"] == 0


def test_lapsed_counter_notices_are_counted() -> None:
    assert told(("counter_notice.lapsed", "c", {}, 1))["dmca"]["counter_notices_lapsed"] == 1


def test_the_parts_come_as_files_that_any_reader_of_csv_takes() -> None:
    with zipfile.ZipFile(io.BytesIO(as_zip(told(), DAY))) as made:
        names = made.namelist()
        text = made.read(names[0]).decode()
    assert [name.split("_Part_")[1] for name in names] == [
        "1_summary.csv",
        "3_member_states_orders.csv",
        "4_notices.csv",
        "5_own_initiative_illegal.csv",
        "6_own_initiative_TC.csv",
        "7_appeals_and_recidivism.csv",
        "8_automated_means.csv",
        "11_qualitative.csv",
    ]
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[1] == ["All", "one", "Name of the service provider", "one"]
    assert ["All", "one", "Ending date of reporting period", "2026-12-31"] in rows
