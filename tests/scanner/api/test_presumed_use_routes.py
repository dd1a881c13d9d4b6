"""DE-URHDAG over HTTP: what is presumed lawful stays up until a person has decided on a complaint, within a week."""

from datetime import timedelta

import httpx
import pytest
from sqlmodel import select

from scanner import cases, inline, keys, verdicts
from scanner.callers import Caller
from scanner.consumer_groups import GROUPS
from scanner.journal import Actor
from scanner.role_scopes import HOLDER_SCOPES
from scanner.tables import Case, CaseNote, Holder, Track
from scanner.verdicts import Verdict
from tests import casework, claiming, reviewing
from tests.scanner.api.conftest import Api, Platform, problem

ATTESTED = {
    "name": "Lena Vogt",
    "statement": "It is the hook of the song, used as an advertisement.",
    "text_version": "premature-block-1",
}
FLAG = {"lawful_use": "parody", "signer": "Ana Ruiz", "text_version": "use-1"}
(FOLLOW,) = (each for each in GROUPS if each.name == "presumed-uses")


@pytest.fixture
def caller(platform: Platform, api: Api) -> Caller:
    made = Caller(platform.tenant.id, Actor("key", "platform"), frozenset())
    casework.at(api.service, api.service.now())
    return made


@pytest.fixture
def label(api: Api, caller: Caller) -> Holder:
    return claiming.holder(api.service, caller)


def key_of(api: Api, platform: Platform, holder: Holder) -> httpx.Client:
    _, token = keys.create_key(
        api.service, platform.tenant.id, "theirs", HOLDER_SCOPES, holder_id=holder.id
    )
    return api.client(token)


def used(api: Api, caller: Caller, label: Holder, seconds: float = 12) -> Track:
    """A track of three minutes with some seconds of a song whose holder blocks it."""
    song = claiming.reference(api.service, caller, label, "block")
    ana = casework.account(api.service, caller)
    event = claiming.analysed(api.service, caller, song, parts=((0, seconds),), account_id=ana.id)
    return settled(api, event.subject)


def settled(api: Api, track_id: str) -> Track:
    inline.drive(api.service, track_id)
    track = casework.track_of(api.service, track_id)
    inline.drive_group(api.service, FOLLOW, track.tenant_id)
    return track


def in_germany(http: httpx.Client, track: Track) -> str:
    shown = http.get(f"/v1/tracks/{track.id}/decision").json()
    return shown["outcomes"].get("DE", shown["outcomes"]["*"])


def decide(api: Api, caller: Caller, verdict: Verdict) -> Case:
    rita = casework.person(api.service, caller, "rita")
    with api.service.database.reading() as session:
        case = session.exec(select(Case).where(Case.kind == "presumed_use")).one()
    cases.lease(api.service, rita, case.id)
    verdicts.decide(api.service, rita, case.id, verdict)
    reviewing.later(api.service, hours=1)
    return case


def test_fifteen_seconds_stay_up_and_their_holder_is_told(api, platform, caller, label) -> None:
    """DE-URHDAG: sections 9(2), 10: minor use; 9(3): the holder is told at once."""
    track = used(api, caller, label)
    theirs = key_of(api, platform, label)

    (use,) = theirs.get("/v1/presumed-uses").json()["items"]
    assert (use["track_id"], use["state"], use["territories"]) == (track.id, "presumed", ["DE"])
    assert in_germany(platform.http, track) == "clear"
    (letter,) = casework.letters(api.service, template="presumed-use-told")
    assert (letter.recipient_id, letter.legal_basis) == (label.id, ["DE-URHDAG"])
    settled(api, track.id)
    assert len(casework.letters(api.service, template="presumed-use-told")) == 1


def test_a_complaint_leaves_it_up_and_a_person_decides_within_a_week(
    api, platform, caller, label
) -> None:
    """DE-URHDAG: section 14(3), (5)."""
    track = used(api, caller, label)
    theirs, http = key_of(api, platform, label), platform.http
    (use,) = theirs.get("/v1/presumed-uses").json()["items"]
    address = f"/v1/presumed-uses/{use['id']}"
    assert problem(theirs.post(f"{address}/complaint", json={"reason": " "})) == "bad-fields"

    filed = theirs.post(f"{address}/complaint", json={"reason": "It is the whole hook."})

    assert (filed.status_code, filed.json()["state"]) == (200, "contested"), filed.text
    assert in_germany(http, track) == "clear"
    (told,) = casework.letters(api.service, template="presumed-use-contested")
    assert told.recipient_id == track.account_id
    assert http.post(f"{address}/comment", json={"text": "I parody it."}).status_code == 200
    with api.service.database.reading() as session:
        case = session.exec(select(Case).where(Case.kind == "presumed_use")).one()
        (answer,) = session.exec(select(CaseNote).where(CaseNote.case_id == case.id))
    assert "the whole hook" in case.reasons[0]["text"]
    assert (answer.kind, answer.text) == ("answer", "I parody it.")
    days = case.legal_due_at - api.service.now()
    assert timedelta(days=7) <= days <= timedelta(days=8)

    decide(api, caller, Verdict("block", "human.copy-confirmed"))
    track = settled(api, track.id)

    assert theirs.get(address).json()["state"] == "upheld"
    assert in_germany(http, track) == "block"
    statement = claiming.statements(api.service, track.id)[-1]
    assert "DE-URHDAG" in statement.legal_basis
    assert {
        each.recipient_kind
        for each in casework.letters(api.service, template="presumed-use-decided")
    } == {
        "account",
        "holder",
    }


def test_a_verified_holders_own_word_blocks_it_until_that_is_decided(
    api, platform, caller, label
) -> None:
    """DE-URHDAG: section 14(4): the premature block, and back when the complaint was wrong."""
    track = used(api, caller, label)
    theirs = key_of(api, platform, label)
    (use,) = theirs.get("/v1/presumed-uses").json()["items"]
    address = f"/v1/presumed-uses/{use['id']}"
    wanted = {"reason": "It is the whole hook.", "block": ATTESTED}
    wrong = wanted | {"block": ATTESTED | {"text_version": "other"}}
    assert problem(theirs.post(f"{address}/complaint", json=wrong)) == "bad-fields"

    assert theirs.post(f"{address}/complaint", json=wanted).json()["state"] == "blocked"
    track = settled(api, track.id)
    assert in_germany(platform.http, track) == "block"
    assert "a person looked at it" in claiming.statements(api.service, track.id)[-1].text

    decide(api, caller, Verdict("dismiss", "human.nothing-wrong"))
    track = settled(api, track.id)
    assert theirs.get(address).json()["state"] == "dismissed"
    assert in_germany(platform.http, track) == "clear"


def test_a_holder_whom_nobody_verified_only_complains(api, platform, caller) -> None:
    label = claiming.holder(api.service, caller, verified=False)
    used(api, caller, label)
    theirs = key_of(api, platform, label)
    (use,) = theirs.get("/v1/presumed-uses").json()["items"]
    wanted = {"reason": "It is the whole hook.", "block": ATTESTED}
    refused = theirs.post(f"/v1/presumed-uses/{use['id']}/complaint", json=wanted)
    assert problem(refused) == "forbidden"
    assert theirs.get(f"/v1/presumed-uses/{use['id']}").json()["state"] == "presumed"
    stranger = key_of(api, platform, claiming.holder(api.service, caller, "Other"))
    assert stranger.get(f"/v1/presumed-uses/{use['id']}").status_code == 404


def test_a_longer_use_that_is_flagged_later_is_up_again_at_once(
    api, platform, caller, label
) -> None:
    """DE-URHDAG: section 11, within its 48 hours: flagged after the upload, under half of the work."""
    track = used(api, caller, label, seconds=60)
    assert in_germany(platform.http, track) != "clear"
    assert platform.http.get("/v1/presumed-uses").json()["items"] == []

    flagged = platform.http.post(f"/v1/tracks/{track.id}/lawful-use", json=FLAG)

    assert flagged.status_code == 200, flagged.text
    track = settled(api, track.id)
    assert in_germany(platform.http, track) == "clear"
    (use,) = platform.http.get("/v1/presumed-uses").json()["items"]
    assert use["state"] == "presumed"
