"""Decisions of rules alone, put before a person for whom they limit (GDPR-22)."""

import pytest
from sqlmodel import col, select

from scanner import human_review
from scanner.tables import Case, StatementOfReasons
from tests.scanner.api.conftest import Api, Platform, problem, sound


@pytest.fixture
def limited(platform: Platform) -> str:
    """A track that rules alone limited."""
    platform.reference(sound(75, 12), policy="monetise")
    track_id = platform.decided(sound(75, 8))
    shown = platform.http.get(f"/v1/tracks/{track_id}").json()
    assert shown["state"] == "conditioned"
    return track_id


def test_whom_rules_limited_gets_a_person_to_look_once(
    api: Api, platform: Platform, limited: str
) -> None:
    address = f"/v1/tracks/{limited}/human-review"
    first = platform.http.post(address, json={"statement": "It is my own song."})

    assert first.status_code == 202, first.text
    case = first.json()
    assert (case["kind"], case["state"], case["track_id"]) == ("human_review", "queued", limited)
    assert case["reasons"][-1]["text"] == "It is my own song."
    assert platform.http.get(f"/v1/tracks/{limited}").json()["state"] == "conditioned"
    again = platform.http.post(address, json={"statement": "And I have a licence."}).json()
    assert (again["id"], len(again["reasons"])) == (case["id"], len(case["reasons"]) + 1)
    assert platform.http.post(address).json()["version"] == again["version"]
    assert api.count(Case, Case.track_id == limited) == 1
    types = [row.type for row in api.journal(platform) if row.subject == case["id"]]
    assert types == ["clearance.case.opened", "clearance.case.extended"]


def test_one_case_takes_so_many_statements_and_no_more(platform: Platform, limited: str) -> None:
    address = f"/v1/tracks/{limited}/human-review"
    for number in range(human_review.MOST_STATEMENTS):
        answer = platform.http.post(address, json={"statement": f"Reason {number}."})
        assert answer.status_code == 202, answer.text

    assert platform.http.post(address, json={"statement": "Reason 0."}).status_code == 202
    more = platform.http.post(address, json={"statement": "One more."})
    assert problem(more) == "conflict"
    assert "wait for the decision" in more.json()["detail"]


def test_a_track_that_nothing_limits_is_not_put_before_a_person(
    api: Api, platform: Platform
) -> None:
    track_id = platform.decided(sound(76))
    answer = platform.http.post(f"/v1/tracks/{track_id}/human-review")
    assert problem(answer) == "illegal-transition"
    assert "rules alone" in answer.json()["detail"]


def test_a_quarantined_track_is_before_a_person_already(api: Api, platform: Platform) -> None:
    platform.reference(sound(77, 12), policy="block")
    track_id = platform.decided(sound(77, 8))
    assert platform.http.get(f"/v1/tracks/{track_id}").json()["state"] == "quarantined"
    case = platform.http.post(f"/v1/tracks/{track_id}/human-review").json()
    assert case["kind"] == "review"
    assert api.count(Case, Case.track_id == track_id) == 1


def test_a_statement_of_what_rules_alone_decided_tells_of_the_person(
    api: Api, limited: str
) -> None:
    with api.service.database.reading() as session:
        statement = session.exec(
            select(StatementOfReasons).where(col(StatementOfReasons.track_id) == limited)
        ).one()
    assert statement.automated_decision
    assert "General Data Protection Regulation, Article 22" in statement.text
