"""Takes over HTTP: trees, sharing, who works on what, quotas."""

import pytest
from sqlmodel import select

from scanner import take_nodes, take_projects
from scanner.callers import Caller
from scanner.errors import NotFoundError
from scanner.journal import Actor
from scanner.tables import Generation, Track
from scanner.track_states import State
from tests.scanner.api.conftest import Api, Platform, problem
from tests.taken import BARS, add_take


@pytest.fixture
def adults(platform: Platform) -> None:
    for account in ("ana", "ben", "cid"):
        told = {"method": "document", "band": "adult"}
        assert platform.http.put(f"/v1/accounts/{account}/age", json=told).status_code == 200


def test_a_tree_says_who_made_which_bars_and_goes_on_from_an_earlier_take(
    platform: Platform, adults: None
) -> None:
    first = add_take(platform.service, platform.tenant.id, "ana")
    second = add_take(
        platform.service,
        platform.tenant.id,
        "ana",
        parent=first,
        locked=["piano"],
        kept={"piano": list(range(BARS)), "cello": [0, 1, 4]},
    )

    view = platform.http.get(f"/v1/takes/{second.id}").json()
    tree = platform.http.get(f"/v1/takes/{second.id}/tree").json()

    runs = {
        stem["name"]: [(each["bars"], each["take_id"]) for each in stem["segments"]]
        for stem in view["stems"]
    }
    assert runs["piano"] == [([1, 8], first.id)]
    assert runs["cello"] == [
        ([1, 2], first.id),
        ([3, 4], second.id),
        ([5, 5], first.id),
        ([6, 8], second.id),
    ]
    assert [(node["id"], node["parent_id"]) for node in tree["nodes"]] == [
        (first.id, None),
        (second.id, first.id),
    ]
    assert tree["current"] == first.id
    moved = platform.http.post(f"/v1/takes/{second.id}/current").json()
    assert moved["current"] == second.id
    assert platform.http.post(f"/v1/takes/{first.id}/current").json()["current"] == first.id
    listed = platform.http.get("/v1/takes", params={"account": "ana", "limit": 1}).json()
    assert [each["id"] for each in listed["items"]] == [second.id]
    rest = platform.http.get("/v1/takes", params={"cursor": listed["next_cursor"]}).json()
    assert [each["id"] for each in rest["items"]] == [first.id]


def test_only_contributors_and_forks_of_what_is_shared_build_on_anothers_take(
    api: Api, platform: Platform, adults: None
) -> None:
    take = add_take(platform.service, platform.tenant.id, "ana")
    address = f"/v1/takes/{take.id}"

    def varied(account: str) -> str:
        answer = platform.http.post(f"{address}/variations", json={"account": account})
        if answer.status_code != 202:
            return problem(answer)
        (made,) = answer.json()["items"]
        return str(made["state"])

    assert varied("ben") == "forbidden"
    added = platform.http.put(f"{address}/contributors/ben")
    assert (added.json()["items"], added.json()["invited"]) == ([], ["ben"])
    assert varied("ben") == "forbidden", "before they accept"
    asked = platform.http.get("/v1/invitations", params={"account": "ben"}).json()["items"]
    assert [(each["invited_by"], each["state"]) for each in asked] == [("ana", "invited")]
    accepted = platform.http.post(f"/v1/invitations/{asked[0]['id']}/accept").json()
    assert accepted["state"] == "accepted"
    again = platform.http.post(f"/v1/invitations/{asked[0]['id']}/decline")
    assert problem(again) == "illegal-transition"
    assert varied("ben") == "queued"
    by_ben = add_take(platform.service, platform.tenant.id, "ben", parent=take)
    assert by_ben.project_id == take.project_id
    assert platform.http.delete(f"{address}/contributors/ben").json()["items"] == []
    assert varied("ben") == "forbidden"

    assert problem(platform.http.put(f"{address}/sharing")) == "precondition-required"
    shared = platform.http.put(f"{address}/sharing", headers={"If-Match": '"1"'})
    assert shared.json()["shared"]
    assert varied("cid") == "queued"
    fork = add_take(platform.service, platform.tenant.id, "cid", parent=by_ben)
    assert fork.project_id != take.project_id
    view = platform.http.get(f"/v1/takes/{fork.id}").json()
    assert view["credits"] == ["ana", "ben", "cid"]
    assert platform.http.delete(f"{address}/sharing", headers={"If-Match": '"2"'}).json()["version"] == 3  # fmt: skip
    assert varied("cid") == "forbidden"
    assert [row.data["shared"] for row in api.journal(platform, "clearance.take.shared")] == [
        True,
        False,
    ]


def test_a_creator_sees_their_own_takes_and_shared_ones_only(
    platform: Platform, adults: None
) -> None:
    service, tenant_id = platform.service, platform.tenant.id
    own, other = (add_take(service, tenant_id, account) for account in ("ana", "ben"))
    ana = Caller(
        tenant_id,
        Actor(str(own.account_id), "creator"),
        frozenset({"tracks:read"}),
        account_id=own.account_id,
    )
    with service.database.reading() as session:
        assert take_nodes.find(session, ana, own.id).id == own.id
        with pytest.raises(NotFoundError):
            take_nodes.find(session, ana, other.id)
        assert [each.id for each in take_nodes.listed(session, ana, limit=9)] == [own.id]
    take_projects.share(
        service, Caller(tenant_id, Actor("key", "platform"), frozenset()), other.id, shared=True
    )
    with service.database.reading() as session:
        assert take_nodes.find(session, ana, other.id).id == other.id


def test_nothing_of_a_take_that_is_not_cleared_is_listed_or_goes_out(
    platform: Platform, adults: None
) -> None:
    for state in (State.ANALYSING, State.BLOCKED, State.QUARANTINED, State.CONDITIONED):
        take = add_take(platform.service, platform.tenant.id, "ana", state=state)
        view = platform.http.get(f"/v1/takes/{take.id}").json()
        assert (view["downloads"], view["clearance"]["cleared"]) == ([], False)
        for name in ("take.zip", "mix.flac", "piano.mid", "score.musicxml", "project.dawproject"):
            answer = platform.http.get(f"/v1/takes/{take.id}/files/{name}")
            assert problem(answer) == "illegal-transition", (state, name)
        refused = state in {State.BLOCKED, State.QUARANTINED}
        assert (view["tries_left"] is not None) is refused
        away = platform.http.post(f"/v1/generations/{take.generation_id}/away")
        assert (away.status_code == 202) is refused


def test_what_cannot_be_varied_is_refused_with_what_can(platform: Platform, adults: None) -> None:
    take = add_take(platform.service, platform.tenant.id, "ana")
    for body, told in (
        ({"locked": ["organ"]}, "piano, cello"),
        ({"locked": ["piano", "cello"]}, "one stem free"),
        ({"locked_bars": [9]}, "bars 1 to 8"),
        ({"locked_bars": list(range(1, 9))}, "one bar free"),
        ({"count": 5}, "4"),
        ({"amount": 0}, "greater than 0"),
    ):
        answer = platform.http.post(f"/v1/takes/{take.id}/variations", json=body)
        assert problem(answer) == "bad-fields"
        assert told in str(answer.json()["errors"]), body


def test_the_quota_is_told_and_siblings_beyond_it_are_refused(api: Api, platform: Platform) -> None:
    limits = {"daily_generations": 3, "zone": "Europe/Berlin"}
    teen = {"method": "document", "band": "teen", "country": "DE"}
    platform.http.put("/v1/accounts/tia/age", json=teen)
    platform.http.put("/v1/accounts/tia/controls", json=limits)

    made = platform.http.post("/v1/generations", json={"prompt": "a waltz", "account": "tia"})
    assert (made.headers["Generations-Limit"], made.headers["Generations-Left"]) == ("3", "2")
    assert made.json()["state"] == "queued", made.text
    take = add_take(platform.service, platform.tenant.id, "tia")
    four = platform.http.post(f"/v1/takes/{take.id}/variations", json={"count": 4}).json()

    assert {each["state"] for each in four["items"]} == {"refused"}, "all or none"
    (told,) = four["items"][0]["reasons"]
    assert told["text"].endswith("Left for this account today: 2.")
    assert (
        told["texts"]["de"].startswith("4 Titel auf einmal") and "übrig: 2." in told["texts"]["de"]
    )
    two = platform.http.post(f"/v1/takes/{take.id}/variations", json={"count": 2}).json()
    assert {each["state"] for each in two["items"]} == {"queued"}
    quota = platform.http.get("/v1/generations/quota", params={"account": "tia"}).json()
    assert (quota["band"], quota["limit"], quota["used"], quota["left"]) == ("teen", 3, 3, 0)
    assert quota["zone"] == "Europe/Berlin"
    platform_own = platform.http.get("/v1/generations/quota").json()
    assert (platform_own["limit"], platform_own["left"]) == (None, None)
    seeds = {row.parameters.get("seed") for row in _rows(api)}
    assert seeds == {None}  # each has its own, from its id


def test_takes_are_made_away_only_so_often_from_one_and_all_that_came_of_it(make_api) -> None:
    api = make_api(generation_tries=2)
    platform = api.platform()
    told = {"method": "document", "band": "adult"}
    platform.http.put("/v1/accounts/ana/age", json=told)
    blocked = add_take(api.service, platform.tenant.id, "ana", state=State.BLOCKED)

    def away(generation_id: str) -> int:
        answer = platform.http.post(f"/v1/generations/{generation_id}/away")
        if answer.status_code == 202:
            with api.service.database.transaction() as session:  # made, and refused too
                row = session.get_one(Generation, answer.json()["id"])
                row.state, row.track_id = "made", blocked.track_id
                made.append(row.id)
        return answer.status_code

    made: list[str] = []
    assert away(blocked.generation_id) == 202
    assert away(blocked.generation_id) == 202
    assert [away(each) for each in (blocked.generation_id, *made)] == [409, 409, 409]
    assert platform.http.get(f"/v1/takes/{blocked.id}").json()["tries_left"] == 0


def test_an_account_asks_only_so_often_a_minute(make_api) -> None:
    api = make_api(generations_a_minute=2)
    platform = api.platform()
    told = {"method": "document", "band": "adult"}
    platform.http.put("/v1/accounts/ana/age", json=told)
    body = {"prompt": "a waltz", "account": "ana"}

    answers = [platform.http.post("/v1/generations", json=body) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[-1].headers["Retry-After"] == "60"
    ben = add_take(api.service, platform.tenant.id, "ben")
    platform.http.put("/v1/accounts/ben/age", json=told)
    three = platform.http.post(f"/v1/takes/{ben.id}/variations", json={"count": 3})
    assert three.status_code == 429
    assert len(_rows(api)) == 3, "two of ana's, what ben's take was made of, and no variation"
    assert platform.http.post("/v1/generations", json={"prompt": "a waltz"}).status_code == 202


def test_only_a_cleared_track_of_the_account_is_built_on(platform: Platform, adults: None) -> None:
    def asked(track_id: str, account: str = "ana") -> int:
        body = {"prompt": "a waltz", "account": account, "audio_reference": track_id}
        return platform.http.post("/v1/generations", json=body).status_code

    cleared = add_take(platform.service, platform.tenant.id, "ana")
    blocked = add_take(platform.service, platform.tenant.id, "ana", state=State.BLOCKED)
    with platform.service.database.transaction() as session:
        for take in (cleared, blocked):
            session.get_one(Track, take.track_id).sha256 = "0" * 64
    assert asked(cleared.track_id) == 202
    assert asked(blocked.track_id) == 422
    assert asked(cleared.track_id, "ben") == 422
    assert asked("none") == 422


def _rows(api: Api) -> list[Generation]:
    with api.service.database.reading() as session:
        return list(session.exec(select(Generation)))
