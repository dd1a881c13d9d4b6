"""Ages, consents, controls and gates over HTTP, and a parent who has nothing but a link."""

import re

import httpx
import pytest
from sqlmodel import select

from scanner.clock import new_id
from scanner.tables import Holder, IdempotencyKey
from tests.scanner.api.conftest import Api, Platform, problem

ASKED = {
    "guardian": "mother",
    "scopes": ["generate", "publish"],
    "text": "May your child do this?",
    "text_version": "2026-11",
    "method": "signed-form",
}
KID = "/v1/accounts/kid"


def ask(platform: Platform, **more: object) -> tuple[str, dict]:
    """Ask a parent; return the consent's address and the answer."""
    answer = platform.http.post(f"{KID}/consents", json=ASKED | more)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"], answer.json()


def test_a_birth_date_is_answered_with_a_band_and_never_again(api: Api, platform: Platform) -> None:
    body = {"method": "document", "birth_date": "2016-03-01", "country": "US"}

    answer = platform.http.put(f"{KID}/age", json=body)

    assert answer.status_code == 200, answer.text
    assert (answer.json()["band"], answer.json()["law"]) == ("child", "COPPA")
    # As a year: its digits may stand within a time's microseconds.
    told = answer.text.replace(answer.json()["assurances"][0]["id"], "")
    assert not re.search(r"\b2016\b", told)
    assert platform.http.get(f"{KID}/age").json() == answer.json()
    assert all("2016-03" not in str(row.data) for row in api.journal(platform))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"method": "document", "birth_date": "2999-03-01"}, "birth date"),
        ({"method": "document", "birth_date": "1066-10-14"}, "birth date"),
        ({"method": "document"}, "either a band or a birth date"),
        ({"method": "self-declared", "band": "adult", "level": "high"}, "at best"),
        ({"method": "document", "band": "adult", "country": "Germany"}, "country"),
        ({"method": "guess", "band": "adult"}, "method"),
    ],
)
def test_a_wrong_age_is_refused_without_repeating_it(platform: Platform, body, told) -> None:
    answer = platform.http.put(f"{KID}/age", json=body)

    assert (answer.status_code, problem(answer)) == (422, "bad-fields")
    assert told in answer.text
    assert str(body.get("birth_date", "-----")) not in answer.text


@pytest.mark.parametrize(
    ("part", "body"),
    [("age", {"method": "document", "band": "teen"}), ("controls", {"publishing": False})],
)
def test_the_first_put_needs_no_version_and_the_next_one_does(
    platform: Platform, part: str, body: dict
) -> None:
    first = platform.http.put(f"{KID}/{part}", json=body)
    blind = platform.http.put(f"{KID}/{part}", json=body)
    stale = platform.http.put(f"{KID}/{part}", json=body, headers={"If-Match": '"99"'})
    fresh = {"If-Match": first.headers["ETag"]}
    second = platform.http.put(f"{KID}/{part}", json=body, headers=fresh)

    assert [answer.status_code for answer in (first, blind, stale, second)] == [200, 428, 412, 200]
    assert second.headers["ETag"] == platform.http.get(f"{KID}/{part}").headers["ETag"]
    assert second.headers["ETag"] != first.headers["ETag"]


def test_an_account_that_nothing_is_known_of_is_not_there(platform: Platform) -> None:
    for part in ("age", "controls", "gates", "consents"):
        assert problem(platform.http.get(f"/v1/accounts/nobody/{part}")) == "not-found"


def test_controls_are_checked_and_shown_as_set(platform: Platform) -> None:
    wanted = {"daily_generations": 2, "opens": "08:00", "closes": "20:00", "zone": "Europe/Berlin"}

    assert platform.http.put(f"{KID}/controls", json=wanted).status_code == 200
    shown = platform.http.get(f"{KID}/controls").json()
    assert shown | wanted == shown
    assert (shown["explicit"], shown["publishing"]) == (True, True)
    for wrong in ({"opens": "08:00"}, {"zone": "Berlin"}, {"opens": "8", "closes": "9"}):
        answer = platform.http.put(f"{KID}/controls", json=wrong, headers={"If-Match": "*"})
        assert problem(answer) == "bad-fields", wrong


def test_a_parent_agrees_and_takes_it_back_by_links_alone(both_api: Api) -> None:
    platform, parent = both_api.platform(), both_api.client()
    address, asked = ask(platform)
    token = asked["token"]
    assert "token" not in platform.http.get(address).json()

    body = {"token": token, "method": "signed-form", "scopes": ["generate"]}
    granted = parent.post(f"{address}/grant", json=body).json()
    assert (granted["state"], granted["scopes"]) == ("granted", ["generate"])
    assert granted["receipt"]["guardian"] == "mother"
    assert problem(parent.post(f"{address}/grant", json=body)) == "not-found"  # the link is spent

    withdrawn = parent.post(f"{address}/withdraw", json={"token": granted["token"]}).json()
    assert (withdrawn["state"], withdrawn["token"]) == ("withdrawn", None)
    rows = both_api.journal(platform, "clearance.consent.withdrawn")
    assert [row.role for row in rows] == ["parent"]


def test_a_parents_link_opens_nothing_else(api: Api, platform: Platform) -> None:
    parent = api.client()
    address, asked = ask(platform)
    other, _ = ask(platform)
    body = {"token": asked["token"], "method": "signed-form"}

    def refused(answer: httpx.Response) -> tuple[int, str]:
        return answer.status_code, problem(answer)

    assert refused(parent.post(f"{other}/grant", json=body)) == (404, "not-found")
    elsewhere = address.replace("/kid/", "/another/")
    assert refused(parent.post(f"{elsewhere}/grant", json=body)) == (404, "not-found")
    assert refused(parent.post(f"{address}/grant", json={"method": "phone"})) == (
        401,
        "unauthorised",
    )
    assert refused(parent.get(address)) == (401, "unauthorised")
    bearer = {"Authorization": f"Bearer {asked['token']}"}
    assert refused(parent.get(address, headers=bearer)) == (401, "unauthorised")
    assert platform.http.get(address).json()["state"] == "requested"


def test_a_repeated_move_under_one_key_gets_the_first_answer(api: Api, platform: Platform) -> None:
    parent = api.client()
    address, asked = ask(platform)
    body = {"token": asked["token"], "method": "signed-form"}
    headers = {"Idempotency-Key": "grant-1"}

    first, second = (parent.post(f"{address}/grant", json=body, headers=headers) for _ in range(2))

    assert first.status_code == 200
    assert second.json() == first.json()
    assert len(api.journal(platform, "clearance.consent.granted")) == 1


def test_a_platform_moves_a_consent_on_a_parents_word(platform: Platform) -> None:
    address, _ = ask(platform)

    weak = platform.http.post(f"{address}/grant", json={"method": "email-plus"})
    granted = platform.http.post(f"{address}/grant", json={"method": "video-call"})
    again = platform.http.post(f"{address}/grant", json={"method": "video-call"})
    withdrawn = platform.http.post(f"{address}/withdraw", json={})

    assert problem(weak) == "bad-fields"
    assert granted.json()["state"] == "granted"
    assert problem(again) == "illegal-transition"
    assert withdrawn.json()["state"] == "withdrawn"
    assert withdrawn.headers["ETag"] == platform.http.get(address).headers["ETag"]


def test_a_parent_is_asked_about_an_account_whose_name_is_in_any_script(platform: Platform) -> None:
    asked = platform.http.post("/v1/accounts/мария%3F/consents", json=ASKED)

    assert asked.status_code == 201, asked.text
    found = platform.http.get(asked.headers["Location"])
    assert found.json()["id"] == asked.json()["id"]


def test_consents_are_listed_newest_first_in_pages(platform: Platform) -> None:
    made = [ask(platform)[1]["id"] for _ in range(3)]

    first = platform.http.get(f"{KID}/consents?limit=2").json()
    rest = platform.http.get(f"{KID}/consents?cursor={first['next_cursor']}").json()

    assert [each["id"] for each in first["items"] + rest["items"]] == made[::-1]
    assert rest["next_cursor"] is None


def test_gates_tell_a_platform_what_an_account_may_do(platform: Platform) -> None:
    platform.http.put(f"{KID}/age", json={"method": "document", "band": "teen", "country": "US"})
    platform.http.put(f"{KID}/controls", json={"publishing": False})

    gates = {each["act"]: each for each in platform.http.get(f"{KID}/gates").json()["gates"]}

    outcomes = {act: each["outcome"] for act, each in gates.items()}
    assert outcomes == {
        "upload": "allowed",
        "generate": "allowed",
        "publish": "refused",
        "hear-explicit": "needs-consent",
        "monetise": "needs-consent",
    }
    assert gates["generate"]["quota_left"] == 30
    assert gates["publish"]["reasons"][0]["rule"] == "controls.publish"


def test_a_request_for_a_track_is_queued_and_one_that_nobody_can_answer_is_refused(
    platform: Platform,
) -> None:
    answer = platform.http.post("/v1/generations", json={"prompt": " a waltz ", "tempo": 84})

    assert answer.status_code == 202
    view = platform.http.get(answer.headers["Location"]).json()
    assert view == answer.json()
    assert (view["state"], view["prompt"], view["parameters"]) == (
        "queued",
        "a waltz",
        {"tempo": 84.0},
    )
    assert (view["track_id"], view["take"]) == (None, None)
    unknown = {"prompt": "a waltz", "instruments": ["kazoo"]}
    assert problem(platform.http.post("/v1/generations", json=unknown)) == "bad-fields"
    assert problem(platform.http.post("/v1/generations", json={"prompt": " "})) == "bad-fields"


def test_a_request_that_names_a_holder_is_refused_with_the_words_and_a_way_out(
    api: Api, platform: Platform
) -> None:
    with api.service.database.transaction() as session:
        holder = Holder(
            id=new_id(),
            tenant_id=platform.tenant.id,
            name="Mara Velonde",
            named=True,
            created_at=api.service.now(),
        )
        session.add(holder)

    body = {"prompt": "a ballad in the style of Mara Velonde"}
    view = platform.http.post("/v1/generations", json=body).json()

    assert view["state"] == "refused"
    (reason,) = view["reasons"]
    assert reason["rule"] == "prompt-artist"
    assert "Mara Velonde" in reason["text"]
    assert len(reason["text"]) > len("'Mara Velonde': nobody is imitated by name. ")


def test_a_kept_answer_goes_with_the_account_that_it_is_about(api: Api, platform: Platform) -> None:
    body = {"prompt": "a slow waltz", "account": "kid"}
    for name in ("kid", "other"):
        headers = {"Idempotency-Key": name}
        made = platform.http.post("/v1/generations", json=body | {"account": name}, headers=headers)
        assert made.status_code == 202, made.text
    assert api.count(IdempotencyKey) == 2

    erased = platform.http.delete("/v1/accounts/kid", headers={"If-Match": '"1"'})

    assert erased.status_code == 200, erased.text
    with api.service.database.reading() as session:
        assert session.exec(select(IdempotencyKey.key)).all() == ["other"]
