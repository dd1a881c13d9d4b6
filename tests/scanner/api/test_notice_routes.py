"""The whole DMCA path over HTTP, with a clock that moves across a year's end."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx
import pytest

from scanner import deadlines, inline, keys
from scanner.callers import Caller
from scanner.journal import Actor
from scanner.tables import Notice, Track
from tests import casework, noticed
from tests.scanner.api.conftest import Api, Platform, problem

FRIDAY = datetime(2026, 12, 18, 15, tzinfo=UTC)


@pytest.fixture
def caller(platform: Platform) -> Caller:
    return Caller(platform.tenant.id, Actor("platform", "platform"), frozenset())


def uploaded(api: Api, caller: Caller, **columns: object) -> Track:
    who = casework.account(api.service, caller, f"ana{len(columns)}{api.service.now():%H%M%S%f}")
    return casework.decided_track(api.service, caller, account_id=who.id, **columns)


def sent(client: httpx.Client, *places: str, **elements: object) -> dict:
    body = {"form": "dmca", "elements": noticed.DMCA | {"location": list(places)} | elements}
    answer = client.post("/v1/notices", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def taken_down(api: Api, platform: Platform, caller: Caller) -> tuple[str, Track]:
    track = uploaded(api, caller)
    notice = sent(platform.http, f"https://music.example/{track.id}")
    noticed.decided(api.service, notice["id"])
    assert casework.track_of(api.service, track.id).state == "blocked"
    return notice["id"], track


def countered(
    client: httpx.Client, notice_id: str, track: Track, **elements: object
) -> httpx.Response:
    body = {"track_id": track.id, "elements": noticed.COUNTER | {"location": [track.id]} | elements}
    return client.post(f"/v1/notices/{notice_id}/counter-notice", json=body)


def test_the_whole_path_from_an_incomplete_notice_to_the_track_restored(
    api: Api, platform: Platform, caller: Caller
) -> None:
    """DMCA-N, NC, T, CN, CF and R: each step told, the window counted across the holidays."""
    service, http = api.service, platform.http
    casework.at(service, datetime(2026, 12, 14, 15, tzinfo=UTC))
    track = uploaded(api, caller)

    notice = sent(http, track.id, accuracy=None)
    assert (notice["state"], list(notice["missing"])) == ("incomplete", ["accuracy"])
    assert notice["due_at"] == "2026-12-29T05:00:00+00:00"
    cured = http.post(
        f"/v1/notices/{notice['id']}/cure", json={"elements": {"accuracy": "accuracy-1"}}
    ).json()
    assert (cured["state"], cured["missing"]) == ("valid", {})
    (case,) = http.get("/v1/cases", params={"kind": "notice"}).json()["items"]
    assert case["state"] == "queued"
    noticed.decided(api.service, notice["id"])
    assert casework.track_of(service, track.id).state == "blocked"

    casework.at(service, FRIDAY)
    first = countered(http, notice["id"], track, phone="call me").json()
    assert (first["state"], list(first["missing"])) == ("incomplete", ["phone"])
    address = f"/v1/notices/{notice['id']}/counter-notices/{first['id']}"
    casework.at(service, datetime(2026, 12, 18, 20, tzinfo=UTC))
    waiting = http.post(
        f"{address}/cure", json={"elements": {"phone": noticed.COUNTER["phone"]}}
    ).json()
    assert waiting["state"] == "waiting"
    assert waiting["forwarded_at"] == "2026-12-18T20:00:00+00:00"
    # complete on Friday 18 December: opens on 5 January, closes at the end of 11 January
    assert waiting["opens_at"] == "2027-01-05T05:00:00+00:00"
    assert waiting["due_at"] == "2027-01-12T05:00:00+00:00"

    casework.at(service, datetime(2027, 1, 5, 4, 59, tzinfo=UTC))
    deadlines.tick(service)
    assert casework.track_of(service, track.id).state == "blocked"
    casework.at(service, datetime(2027, 1, 5, 5, 0, tzinfo=UTC))
    deadlines.tick(service)
    inline.drive(service, track.id)

    assert casework.track_of(service, track.id).state == "released"
    assert http.get(address).json()["state"] == "restored"
    after = http.get(f"/v1/notices/{notice['id']}").json()
    assert (after["state"], after["tracks"][0]["state"]) == ("countered", "restored")
    told = [each.template for each in casework.letters(service)]
    assert told == [
        "notice-incomplete",
        "notice-received",
        "notice-taken-down",
        "notice-actioned",
        "statement-of-reasons",
        "counter-incomplete",
        "counter-forwarded",
        "counter-waiting",
        "counter-restored",
        "counter-restored-claimant",
    ]
    (copy,) = casework.letters(service, template="counter-forwarded")
    assert copy.address == "ada@example.org"
    for part in (
        "5 January 2027 (Eastern",
        "11 January 2027 (Eastern",
        "Cleo Creator",
        "1 Main Street",
        "+1 212 555 0123",
    ):
        assert part in copy.body


def test_a_court_action_in_time_keeps_the_track_down(
    api: Api, platform: Platform, caller: Caller
) -> None:
    service, http = api.service, platform.http
    casework.at(service, FRIDAY)
    notice_id, track = taken_down(api, platform, caller)
    counter = countered(http, notice_id, track).json()
    address = f"/v1/notices/{notice_id}/counter-notices/{counter['id']}"

    held = http.post(f"{address}/court-action", json={"filing": "N.D. Cal. 5:26-cv-1"})

    assert held.json()["state"] == "court_hold"
    casework.later(service, days=60)
    assert casework.track_of(service, track.id).state == "blocked"
    assert http.get(address).json()["filing"] == "N.D. Cal. 5:26-cv-1"
    assert casework.letters(service, template="counter-court-hold")


def test_an_officer_who_had_no_part_restores_in_spite_of_a_court(
    api: Api, platform: Platform, caller: Caller
) -> None:
    service, http = api.service, platform.http
    casework.at(service, FRIDAY)
    notice_id, track = taken_down(api, platform, caller)
    counter = countered(http, notice_id, track).json()
    address = f"/v1/notices/{notice_id}/counter-notices/{counter['id']}"
    keys.create_user(service, "olga@example.org", "appeals_officer", "a long password of hers")
    _, token = keys.create_key(service, platform.tenant.id, "olga", user="olga@example.org")
    body = {"reason": "The court dismissed it."}

    assert problem(http.post(f"{address}/restoration", json=body)) == "forbidden"
    answer = api.client(token).post(f"{address}/restoration", json=body)

    assert (answer.status_code, answer.json()["state"]) == (200, "restored")
    inline.drive(service, track.id)
    assert casework.track_of(service, track.id).state == "released"


def test_a_counter_notice_answers_a_dmca_notice_that_took_the_track_down(
    api: Api, platform: Platform, caller: Caller
) -> None:
    track = uploaded(api, caller)
    elements = {
        "reason": "It calls for violence against a person.",
        "location": [track.id],
        "name": "Ada",
        "email": "ada@example.org",
        "good_faith": "dsa-good-faith-1",
    }
    body = {"form": "dsa", "elements": elements}
    other = platform.http.post("/v1/notices", json=body).json()
    waiting = sent(platform.http, track.id)

    assert problem(countered(platform.http, other["id"], track)) == "illegal-transition"
    assert problem(countered(platform.http, waiting["id"], track)) == "illegal-transition"


def test_a_notice_taken_back_restores_the_track_and_ends_what_answers_it(
    api: Api, platform: Platform, caller: Caller
) -> None:
    casework.at(api.service, FRIDAY)
    notice_id, track = taken_down(api, platform, caller)
    counter = countered(platform.http, notice_id, track).json()

    answer = platform.http.post(f"/v1/notices/{notice_id}/retraction", json={})

    assert answer.json()["state"] == "retracted"
    inline.drive(api.service, track.id)
    assert casework.track_of(api.service, track.id).state == "released"
    read = platform.http.get(f"/v1/notices/{notice_id}/counter-notices/{counter['id']}")
    assert read.json()["state"] == "withdrawn"
    casework.later(api.service, days=60)
    assert casework.letters(api.service, template="notice-retracted")


def test_what_is_not_cured_within_14_days_lapses(api: Api, platform: Platform) -> None:
    casework.at(api.service, FRIDAY)
    notice = sent(platform.http, "https://music.example/nowhere")
    assert "no track at" in notice["missing"]["location"]

    casework.later(api.service, days=15)

    assert platform.http.get(f"/v1/notices/{notice['id']}").json()["state"] == "lapsed"
    assert casework.letters(api.service, template="notice-lapsed")


def test_another_platform_and_another_holder_see_nothing_of_a_notice(
    api: Api, platform: Platform, caller: Caller
) -> None:
    _, mine = keys.create_key(api.service, platform.tenant.id, "label", holder_id="label")
    _, theirs = keys.create_key(api.service, platform.tenant.id, "rival", holder_id="rival")
    track = uploaded(api, caller)
    notice = sent(api.client(mine), track.id)
    address = f"/v1/notices/{notice['id']}"

    for stranger in (api.client(theirs), api.platform("two").http):
        assert problem(stranger.get(address)) == "not-found"
        assert problem(stranger.post(f"{address}/retraction", json={})) == "not-found"
        assert stranger.get("/v1/notices").json()["items"] == []
    assert api.client(mine).get(address).json()["id"] == notice["id"]


def test_a_list_of_notices_is_paged_and_filtered(
    api: Api, platform: Platform, caller: Caller
) -> None:
    track = uploaded(api, caller)
    ids = [sent(platform.http, track.id)["id"] for _ in range(3)]
    sent(platform.http, "nowhere")

    page = platform.http.get("/v1/notices", params={"state": "valid", "limit": 2}).json()
    rest = platform.http.get(
        "/v1/notices", params={"state": "valid", "limit": 2, "cursor": page["next_cursor"]}
    ).json()

    assert [each["id"] for each in (*page["items"], *rest["items"])] == ids[::-1]
    assert rest["next_cursor"] is None


def test_the_same_idempotency_key_makes_one_notice(
    api: Api, platform: Platform, caller: Caller
) -> None:
    track = uploaded(api, caller)
    body = {"form": "dmca", "elements": noticed.DMCA | {"location": [track.id]}}

    answers = [
        platform.http.post("/v1/notices", json=body, headers={"Idempotency-Key": "once"})
        for _ in range(2)
    ]

    assert answers[0].json() == answers[1].json()
    assert api.count(Notice) == 1


def test_the_days_of_a_counter_notice_begin_with_its_last_element(
    api: Api, platform: Platform, caller: Caller
) -> None:
    """DMCA-R, 512(g)(3): what lacks an element is not effective yet."""
    casework.at(api.service, FRIDAY)
    notice_id, track = taken_down(api, platform, caller)
    first = countered(platform.http, notice_id, track, phone="call me").json()
    casework.at(api.service, datetime(2027, 1, 5, 15, tzinfo=UTC))

    waiting = platform.http.post(
        f"/v1/notices/{notice_id}/counter-notices/{first['id']}/cure",
        json={"elements": {"phone": noticed.COUNTER["phone"]}},
    ).json()

    # Martin Luther King's Day, 18 January, is none of the ten
    assert waiting["opens_at"] == "2027-01-20T05:00:00+00:00"
    assert casework.track_of(api.service, track.id).state == "blocked"


def test_a_court_action_and_the_clock_at_one_moment_leave_one_outcome(
    both_api: Api,
) -> None:
    """DMCA-R: whichever comes first; the track and the counter-notice agree."""
    api, platform = both_api, both_api.platform()
    caller = Caller(platform.tenant.id, Actor("platform", "platform"), frozenset())
    casework.at(api.service, FRIDAY)
    notice_id, track = taken_down(api, platform, caller)
    counter = countered(platform.http, notice_id, track).json()
    address = f"/v1/notices/{notice_id}/counter-notices/{counter['id']}"
    casework.at(api.service, datetime(2027, 1, 5, 5, tzinfo=UTC))

    with ThreadPoolExecutor(3) as threads:
        ticks = [threads.submit(deadlines.tick, api.service) for _ in range(2)]
        filed = threads.submit(
            platform.http.post, f"{address}/court-action", json={"filing": "5:27-cv-1"}
        ).result()
        for each in ticks:
            each.result()
    deadlines.tick(api.service)
    inline.drive(api.service, track.id)

    state = platform.http.get(address).json()["state"]
    assert (filed.status_code, state) in {(200, "court_hold"), (409, "restored")}
    expected = {"court_hold": "blocked", "restored": "released"}[state]
    assert casework.track_of(api.service, track.id).state == expected
    moves = [row.data["action"] for row in casework.events(api.service, counter["id"])]
    assert len(moves) == 4
