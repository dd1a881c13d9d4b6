"""How good rules are is told by re-reviews and by what was reversed (DSA-24/15)."""

from datetime import UTC, datetime, timedelta

from scanner.transparency.counting import Happened, Tally
from scanner.transparency.report import sections

START = datetime(2026, 1, 1, tzinfo=UTC)


def told(*events: tuple[str, str, dict[str, object]]):
    rows = [
        Happened(f"clearance.{type_}", subject, START + timedelta(hours=n), "system", data)
        for n, (type_, subject, data) in enumerate(events)
    ]
    return sections(Tally(START, START + timedelta(days=365)).add_all(rows))


def written(track: str, automatic: bool = True) -> tuple[str, str, dict[str, object]]:
    data = {
        "track_id": track,
        "effect": "blocked",
        "restricts": ["visibility"],
        "limits": [],
        "source": "own_initiative",
        "ground": "terms",
        "automated_detection": True,
        "automated_decision": automatic,
    }
    return "statement.written", f"s-{track}", data


def ruled(track: str, decision: str, ground: str | None) -> tuple[str, str, dict[str, object]]:
    return "track.ruled", track, {"decision": decision, "ground_kind": ground}


def test_the_error_rate_is_the_share_of_what_was_reversed_on_contest() -> None:
    report = told(
        *(written(each) for each in "abcd"),
        written("e", automatic=False),
        ruled("a", "clear", "appeal"),
        ruled("a", "clear", "appeal"),  # not twice
        ruled("b", "block", "appeal"),
        ruled("c", "clear", None),
        ruled("e", "clear", "appeal"),
    )["automation"]

    assert report["restrictions_decided_by_rules_alone"] == 4
    assert report["restrictions_by_rules_reversed"] == 1
    assert report["error_rate"] == 0.25


def test_what_was_restricted_before_the_period_does_not_raise_its_error_rate() -> None:
    def happened(event: tuple[str, str, dict[str, object]], day: int) -> Happened:
        type_, subject, data = event
        return Happened(f"clearance.{type_}", subject, START + timedelta(days=day), "system", data)

    events = [
        *(happened(written(each), -3) for each in "abc"),
        *(happened(written(each), 0) for each in "de"),
        *(happened(ruled(each, "clear", "appeal"), 1) for each in "abcd"),
    ]
    report = sections(Tally(START, START + timedelta(days=30)).add_all(events))["automation"]

    assert report["restrictions_by_rules_reversed"] == 4
    assert report["error_rate"] == 0.5


def test_re_reviews_that_agree_and_differ_are_counted() -> None:
    report = told(
        ("case.closed", "1", {"action": "agree"}),
        ("case.closed", "2", {"action": "agree"}),
        ("case.closed", "3", {"action": "close"}),
        ("case.escalated", "4", {"action": "differ"}),
        ("case.escalated", "5", {"action": "escalate"}),
    )["automation"]

    assert (report["re_reviews_agreed"], report["re_reviews_differed"]) == (2, 1)
    assert report["re_review_agreement"] == 0.6667


def test_a_refused_notice_that_is_reversed_was_decided_once() -> None:
    report = told(
        ("notice.received", "n", {"detail": {"form": "dsa"}}),
        ("notice.refused", "n", {"action": "refuse"}),
        ("notice.actioned", "n", {"action": "reverse"}),
    )["notices"]["dsa"]

    assert (report["refused"], report["actioned"], report["reversed"]) == (1, 0, 1)
    assert report["median_hours_to_decision"] == 1.0


def test_the_database_is_told_by_what_came_in_time() -> None:
    report = told(
        ("statement.pushed", "a", {"state": "sent", "in_time": True}),
        ("statement.pushed", "b", {"state": "sent", "in_time": False}),
        ("statement.pushed", "c", {"state": "refused", "in_time": True}),
    )["eu_database"]

    assert report == {"refused": 1, "sent": 2, "sent_in_time": 1}
