"""Cases by HTTP: who sees what, who may decide, and what a verdict does to tracks and references."""

from dataclasses import replace

import httpx
import pytest
from sqlmodel import select

from scanner import case_views, keys
from scanner.callers import SCOPES, Caller
from scanner.errors import ForbiddenError, NotFoundError
from scanner.inline import drive
from scanner.journal import Actor
from scanner.tables import Case, PolicyDecision, Track
from tests import casework, reviewing
from tests.scanner.api.conftest import Api, MakeApi, Platform, problem, sound

COPY = {"verdict": "block", "reason": "human.copy-confirmed"}


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    return make_api(undo_seconds=0, second_review_share=0)


@pytest.fixture
def platform(api: Api) -> Platform:
    return api.platform()


def everything(platform: Platform) -> Caller:
    return Caller(platform.tenant.id, Actor("p", "platform"), frozenset(SCOPES))


def client_of(api: Api, platform: Platform, name: str, role: str = "reviewer") -> httpx.Client:
    """What talks to the service as a member of staff."""
    user, _ = keys.create_user(
        api.service, f"{name}@example.org", role, "a long password of theirs"
    )
    _, token = keys.create_key(api.service, platform.tenant.id, name, user=user.email)
    return api.client(token)


def test_a_reviewer_sees_a_track_while_they_hold_its_case(api, platform) -> None:
    case = reviewing.about_track(api.service, everything(platform))
    other = reviewing.about_track(api.service, everything(platform))
    rita = client_of(api, platform, "rita")

    assert problem(rita.get(f"/v1/tracks/{case.track_id}")) == "forbidden"
    assert problem(rita.get("/v1/tracks")) == "forbidden"
    assert rita.get(f"/v1/cases/{case.id}").json()["reasons"] == []
    taken = rita.post(f"/v1/cases/{case.id}/lease").json()
    assert taken["mine"]
    assert taken["holder"].startswith("R-")

    assert rita.get(f"/v1/tracks/{case.track_id}").status_code == 200
    assert rita.get(f"/v1/cases/{case.id}").json()["reasons"]
    for method, path in (
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/rescan"),
        ("POST", "/publication"),
    ):
        asked = f"/v1/tracks/{other.track_id}{path}"
        answer = rita.request(method, asked, headers={"If-Match": '"1"'})
        assert problem(answer) == "forbidden", path
    rita.post(f"/v1/cases/{case.id}/release")
    assert problem(rita.get(f"/v1/tracks/{case.track_id}")) == "forbidden"


def test_platforms_see_their_cases_but_not_who_works_on_them(api, platform) -> None:
    case = reviewing.about_track(api.service, everything(platform), account_id=None)
    rita = client_of(api, platform, "rita")
    rita.post(f"/v1/cases/{case.id}/lease")
    rita.post(f"/v1/cases/{case.id}/notes", json={"text": "internal"})
    rita.post(f"/v1/cases/{case.id}/ask", json={"text": "Is there a licence?"})

    seen = platform.http.get(f"/v1/cases/{case.id}").json()

    assert "holder" not in seen
    assert [each["kind"] for each in seen["notes"]] == ["question"]
    assert "author" not in seen["notes"][0]
    answered = platform.http.post(f"/v1/cases/{case.id}/answer", json={"text": "No."})
    assert answered.json()["state"] == "queued"


def test_creators_read_cases_about_their_own_tracks_alone(api, platform) -> None:
    caller = everything(platform)
    ana, ben = (casework.account(api.service, caller, name) for name in ("ana", "ben"))
    case = reviewing.about_track(api.service, caller, account_id=ana.id)

    with api.service.database.reading() as session:
        case_views.check_reader(session, replace(caller, account_id=ana.id), case)
        with pytest.raises(NotFoundError):
            case_views.check_reader(session, replace(caller, account_id=ben.id), case)
        with pytest.raises(ForbiddenError):
            case_views.check_reader(session, replace(caller, holder_id="h"), case)
        with pytest.raises(ForbiddenError):
            case_views.check_reader(session, replace(caller, account_id=ana.id))


def test_only_people_decide_and_a_wrong_verdict_says_what_to_give(api, platform) -> None:
    case = reviewing.about_track(api.service, everything(platform))
    rita, admin = client_of(api, platform, "rita"), client_of(api, platform, "adam", "admin")

    assert problem(platform.http.post(f"/v1/cases/{case.id}/lease")) == "forbidden"
    assert problem(admin.post(f"/v1/cases/{case.id}/lease")) == "forbidden"
    assert problem(rita.post(f"/v1/cases/{case.id}/verdict", json=COPY)) == "illegal-transition"
    rita.post(f"/v1/cases/{case.id}/lease")
    wrong = rita.post(f"/v1/cases/{case.id}/verdict", json=COPY | {"verdict": "delete"})
    assert problem(wrong) == "bad-fields"
    assert "release, restrict, block" in wrong.json()["detail"]
    foreign = client_of(api, api.platform("two"), "otto")
    assert problem(foreign.post(f"/v1/cases/{case.id}/lease")) == "not-found"
    assert problem(foreign.get(f"/v1/cases/{case.id}")) == "not-found"


def test_a_queue_is_listed_in_its_order_and_filtered(api, platform) -> None:
    caller = everything(platform)
    low = reviewing.opened(api.service, caller, "misuse")
    high = reviewing.opened(api.service, caller, "review")
    rita = client_of(api, platform, "rita")

    listed = rita.get("/v1/cases?queue=true").json()["items"]
    assert [each["id"] for each in listed] == [high.id, low.id]
    rita.post("/v1/cases/next/lease", json={})
    assert [each["id"] for each in rita.get("/v1/cases?mine=true").json()["items"]] == [high.id]
    assert rita.post("/v1/cases/next/lease", json={"kind": "claim"}).json() == {"case": None}


def test_a_verdict_on_matches_makes_the_precision_that_rules_read(api, platform) -> None:
    recording = sound(71, 8)
    reference = platform.reference(recording)["id"]
    first = platform.decided(recording)
    (case,) = platform.http.get(f"/v1/cases?track_id={first}").json()["items"]
    rita = client_of(api, platform, "rita")
    rita.post(f"/v1/cases/{case['id']}/lease")
    (match,) = rita.get(f"/v1/cases/{case['id']}").json()["matches"]
    assert (match["reference_id"], match["disposition"]) == (reference, "open")
    wanted = {"verdict": "release", "reason": "human.misidentified"}
    assert rita.post(f"/v1/cases/{case['id']}/verdict", json=wanted).json()["state"] == "closed"
    assert drive(api.service, first).value == "released"

    second = platform.decided(sound(71, 7.5))

    with api.service.database.reading() as session:
        track = session.get_one(Track, second)
        facts = session.get_one(PolicyDecision, track.decision_id).facts
    (fact,) = facts["matches"]
    assert (fact["reference_precision"], fact["reference_decided"]) == (0.0, 1)


def test_a_quarantined_reference_is_found_again_by_a_verdict(api, platform) -> None:
    recording = sound(72, 8)
    platform.reference(recording)
    held = platform.reference(sound(72, 7), holder="Somebody else")
    assert held["status"] == "quarantined"
    rita = client_of(api, platform, "rita")
    case = rita.post("/v1/cases/next/lease", json={"kind": "reference_conflict"}).json()["case"]

    wanted = {"verdict": "activate", "reason": "human.reference-right"}
    done = rita.post(f"/v1/cases/{case['id']}/verdict", json=wanted)

    assert done.json()["state"] == "closed", done.text
    assert platform.http.get(f"/v1/references/{held['id']}").json()["status"] == "active"
    with api.service.database.reading() as session:
        assert [each.state for each in session.exec(select(Case))] == ["closed"]


def test_a_platforms_own_words_stand_before_those_of_the_program(api, platform) -> None:
    path = "/v1/cases/reasons/human.copy-confirmed"
    wanted = {"verdicts": ["block"], "texts": {"en": "It is a copy.", "de": "Eine Kopie."}}
    assert (
        problem(platform.http.put(path, json=wanted | {"texts": {"de": "Eine Kopie."}}))
        == "bad-fields"
    )
    assert platform.http.put(path, json=wanted).json()["own"]
    other = api.platform("two").http.get("/v1/cases/reasons").json()["items"]
    assert not any(each["own"] for each in other)

    case = reviewing.about_track(api.service, everything(platform))
    rita = client_of(api, platform, "rita")
    rita.post(f"/v1/cases/{case.id}/lease")
    told = rita.post(f"/v1/cases/{case.id}/preview", json=COPY).json()

    assert told["reasons"] == wanted["texts"]
    assert told["statement"]["text"].count("It is a copy.") == 1
    assert platform.http.delete(path).status_code == 204
    assert problem(platform.http.delete(path)) == "not-found"
