"""Objections over HTTP: each platform and each person has their own, and who changes them unseen is told (GDPR-21)."""

import httpx
import pytest

from scanner.tables import Account, Objections
from tests.scanner.api.conftest import Api, Platform, problem

ANA = "/v1/accounts/ana/objections"


def put(platform: Platform, body: object, match: str | None = None) -> httpx.Response:
    headers = {"If-Match": match} if match else {}
    return platform.http.put(ANA, json=body, headers=headers)


def test_objections_are_set_and_ended_by_their_etag(both_api: Api) -> None:
    platform = both_api.platform()
    first = put(platform, {"training": True})
    assert first.status_code == 200, first.text
    assert first.json()["training"] and first.json()["rehearsal"] is None

    blind = put(platform, {"training": False})
    assert (blind.status_code, problem(blind)) == (428, "precondition-required")
    stale = put(platform, {"training": False}, '"0"')
    assert (stale.status_code, problem(stale)) == (412, "precondition-failed")

    ended = put(platform, {"training": False}, first.headers["ETag"])
    assert (ended.status_code, ended.json()["training"]) == (200, None)
    read = platform.http.get(ANA)
    assert read.json() == ended.json()
    assert read.headers["ETag"] == ended.headers["ETag"] != first.headers["ETag"]


def test_what_changes_nothing_is_no_event(api: Api, platform: Platform) -> None:
    first = put(platform, {"training": True})
    again = put(platform, {"training": True, "rehearsal": False}, first.headers["ETag"])
    assert again.json() == first.json()
    assert len(api.journal(platform, "clearance.objections.changed")) == 1


def test_a_wish_for_nothing_makes_no_account(api: Api, platform: Platform) -> None:
    answer = put(platform, {})
    assert (answer.status_code, problem(answer)) == (422, "bad-fields")
    assert api.count(Account) == 0


@pytest.mark.parametrize("body", [{"training": "perhaps"}, {"trainig": True}, [], "training", None])
def test_a_wish_that_is_none_is_refused(api: Api, platform: Platform, body: object) -> None:
    answer = put(platform, body)
    assert (answer.status_code, problem(answer)) == (422, "bad-fields")
    assert api.count(Objections) == 0


def test_two_platforms_with_the_same_name_for_an_account_have_objections_of_their_own(
    both_api: Api,
) -> None:
    one, two = both_api.platform("one"), both_api.platform("two")
    put(one, {"training": True})
    assert two.http.get(ANA).status_code == 404
    theirs = put(two, {"rehearsal": True})
    assert (theirs.json()["training"], theirs.json()["version"]) == (None, 1)
    assert one.http.get(ANA).json()["rehearsal"] is None
    for each, changed in ((one, "training"), (two, "rehearsal")):
        (event,) = both_api.journal(each, "clearance.objections.changed")
        assert event.data["changed"] == [changed]


def test_a_sandbox_has_objections_of_its_own(api: Api, platform: Platform) -> None:
    put(platform, {"training": True})
    assert api.platform(sandbox_of=platform).http.get(ANA).status_code == 404


def test_objections_need_the_scopes_of_accounts(api: Api, platform: Platform) -> None:
    put(platform, {"training": True})
    reader = api.scoped(platform, "accounts:read")
    assert reader.get(ANA).status_code == 200
    assert reader.put(ANA, json={"training": False}, headers={"If-Match": "*"}).status_code == 403
    assert api.scoped(platform, "tracks:write", "cases:decide").get(ANA).status_code == 403
    assert api.client().get(ANA).status_code == 401
