"""Letters are read by whom they are written to; a creator's link reaches the creator's own, and no more."""

import re
from datetime import timedelta

import pytest

from scanner import keys
from scanner.clock import new_id
from scanner.tables import Account, Letter
from tests import casework, mailbox
from tests.running import add_tenant
from tests.scanner.api.conftest import Api, Platform, problem


@pytest.fixture
def platform(api: Api) -> Platform:
    return api.platform()


def caller_of(platform: Platform):
    return keys.authenticate(platform.service, platform.token)


def account(platform: Platform, name: str) -> Account:
    return casework.account(platform.service, caller_of(platform), name)


def written(platform: Platform, account: Account, **columns: object) -> Letter:
    return mailbox.letter(platform.service, caller_of(platform), recipient_id=account.id, **columns)


def link(platform: Platform, name: str, **wanted: object) -> dict[str, str]:
    answer = platform.http.post(f"/v1/accounts/{name}/links", json=wanted)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_a_creator_reads_their_own_letters_by_a_link_of_their_platform(api, platform) -> None:
    ana, ben = account(platform, "ana"), account(platform, "ben")
    own, other = written(platform, ana), written(platform, ben)
    creator = api.client(link(platform, "ana")["token"])

    listed = creator.get("/v1/letters").json()["items"]
    assert [each["id"] for each in listed] == [own.id]
    assert listed[0]["body"] == own.body
    assert problem(creator.get(f"/v1/letters/{other.id}")) == "not-found"
    assert problem(creator.get("/v1/letters/nonsense")) == "not-found"
    first = creator.post(f"/v1/letters/{own.id}/read").json()["read_at"]
    assert first is not None
    assert creator.post(f"/v1/letters/{own.id}/read").json()["read_at"] == first
    assert problem(creator.post(f"/v1/letters/{other.id}/read")) == "not-found"
    assert creator.get("/v1/letters", params={"unread": True}).json()["items"] == []
    everything = platform.http.get("/v1/letters").json()["items"]
    assert [each["id"] for each in everything] == [other.id, own.id]
    bens = platform.http.get("/v1/letters", params={"recipient_id": ben.id}).json()["items"]
    assert [each["id"] for each in bens] == [other.id]


def test_letters_come_in_pages_and_to_their_platform_only(api, platform) -> None:
    ana = account(platform, "ana")
    ids = [written(platform, ana).id for _ in range(3)]
    stranger = api.platform("two")

    first = platform.http.get("/v1/letters", params={"limit": 2}).json()
    rest = platform.http.get("/v1/letters", params={"cursor": first["next_cursor"]}).json()

    assert [each["id"] for each in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next_cursor"] is None
    assert stranger.http.get("/v1/letters").json()["items"] == []
    assert problem(stranger.http.get(f"/v1/letters/{ids[0]}")) == "not-found"


def test_staff_and_rights_holders_read_what_is_written_to_them(api, platform) -> None:
    service, caller = platform.service, caller_of(platform)
    user, _ = keys.create_user(service, "rita@example.org", "reviewer")
    holder_id = new_id()
    theirs = {
        "user": (user.id, keys.create_key(service, caller.tenant_id, "k", user=user.email)[1]),
        "holder": (
            holder_id,
            keys.create_key(service, caller.tenant_id, "h", holder_id=holder_id)[1],
        ),
    }
    for kind, (recipient, token) in theirs.items():
        own = mailbox.letter(service, caller, recipient_kind=kind, recipient_id=recipient)
        listed = api.client(token).get("/v1/letters").json()["items"]
        assert [each["id"] for each in listed] == [own.id]


def test_a_link_ends_with_its_time_or_when_it_is_revoked(api, platform) -> None:
    account(platform, "ana")
    short, revoked = link(platform, "ana", hours=1), link(platform, "ana")
    creator, other = api.client(short["token"]), api.client(revoked["token"])
    assert creator.get("/v1/letters").status_code == 200
    address = f"/v1/accounts/ana/links/{revoked['id']}"

    assert problem(platform.http.delete(address)) == "precondition-required"
    assert platform.http.delete(address, headers={"If-Match": '"1"'}).status_code == 204
    assert problem(other.get("/v1/letters")) == "unauthorised"
    casework.at(platform.service, platform.service.now() + timedelta(hours=1))
    assert problem(creator.get("/v1/letters")) == "unauthorised"

    listed = platform.http.get("/v1/accounts/ana/links").json()["items"]
    assert [each["revoked_at"] is None for each in listed] == [False, True]
    assert revoked["token"] not in platform.http.get("/v1/accounts/ana/links").text


def test_no_link_is_made_for_nobody_or_for_ever(platform) -> None:
    account(platform, "ana")

    assert problem(platform.http.post("/v1/accounts/zoe/links")) == "not-found"
    for hours in (0, 721):
        answer = platform.http.post("/v1/accounts/ana/links", json={"hours": hours})
        assert problem(answer) == "bad-fields"


def test_an_erased_account_has_no_way_in(api, platform) -> None:
    account(platform, "ana")
    creator = api.client(link(platform, "ana")["token"])
    assert creator.get("/v1/letters").status_code == 200

    platform.http.delete("/v1/accounts/ana", headers={"If-Match": "*"}).raise_for_status()

    assert problem(creator.get("/v1/letters")) == "unauthorised"


def test_a_link_opens_nothing_but_what_asks_for_its_scopes(api, platform) -> None:
    """Every address of the service is tried: a creator reaches contest, and what anybody reaches."""
    account(platform, "ana")
    creator, nobody = api.client(link(platform, "ana")["token"]), api.client()
    refused = 0
    for path, methods in nobody.get("/openapi.json").json()["paths"].items():
        address = re.sub(r"{\w+}", lambda _: new_id(), path)
        for method, described in methods.items():
            answer = creator.request(method, address, json={}, headers={"If-Match": "*"})
            if answer.status_code == 403:
                refused += 1
            elif "contest:" not in described.get("description", ""):
                anybody = nobody.request(method, address, json={}, headers={"If-Match": "*"})
                assert anybody.status_code != 401, f"{method} {path}: {answer.status_code}"
    assert refused > 80


def test_a_creators_idempotency_key_is_not_the_platforms(api, platform) -> None:
    account(platform, "ana")
    same = {"Idempotency-Key": "one"}
    one = platform.http.post("/v1/accounts/ana/links", json={}, headers=same).json()
    again = platform.http.post("/v1/accounts/ana/links", json={}, headers=same).json()
    user, _ = keys.create_user(platform.service, "rita@example.org", "admin")
    _, token = keys.create_key(
        platform.service,
        platform.tenant.id,
        "k",
        ["accounts:read", "accounts:write"],
        user=user.email,
    )
    hers = api.client(token).post("/v1/accounts/ana/links", json={}, headers=same).json()

    assert one == again
    assert hers["token"] != one["token"]


def test_another_platforms_account_gets_no_link(api, platform) -> None:
    stranger = add_tenant(platform.service, "stranger")
    casework.account(platform.service, stranger, "zoe")

    assert problem(platform.http.post("/v1/accounts/zoe/links")) == "not-found"
