"""Claims, disputes, holders, shares, licences and fixes over HTTP, by the keys of both sides."""

import io

import httpx
import numpy as np
import pytest
import soundfile

from fingerprint.facts.loudness import loudness
from scanner import catalogue_imports, edit_fills, inline, keys
from scanner.callers import Caller
from scanner.declared import declared
from scanner.edit_fills import told_with
from scanner.errors import BadKeyRequestError
from scanner.journal import Actor
from scanner.role_scopes import HOLDER_SCOPES
from scanner.tables import Analysis, Holder, Track
from tests import casework, cataloguing, claiming
from tests.scanner.api.conftest import Api, Platform, problem, sound
from tests.songs import RATE, song

ASKED = {
    "grounds": ["misidentified"],
    "text": claiming.WORDS,
    "attestation": claiming.ATTESTED,
}


@pytest.fixture
def caller(platform: Platform) -> Caller:
    return Caller(platform.tenant.id, Actor("key", "platform"), frozenset())


@pytest.fixture
def label(api: Api, caller: Caller) -> Holder:
    return claiming.holder(api.service, caller)


def as_wav(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="WAV")
    return file.getvalue()


def key_of(api: Api, platform: Platform, holder: Holder) -> httpx.Client:
    _, token = keys.create_key(
        api.service, platform.tenant.id, "theirs", HOLDER_SCOPES, holder_id=holder.id
    )
    return api.client(token)


def test_a_claim_is_disputed_shown_and_answered(api: Api, platform, caller, label) -> None:
    song = claiming.reference(api.service, caller, label)
    track, claim = claiming.claimed(api.service, caller, song)
    http, theirs = platform.http, key_of(api, platform, label)

    shown = theirs.get("/v1/claims").json()["items"]
    assert [each["id"] for each in shown] == [claim.id]
    assert (shown[0]["claimant"]["precision"], shown[0]["score"]["value"]) == (None, 0.995)
    filed = http.post("/v1/disputes", json=ASKED | {"claim_id": claim.id})
    assert filed.status_code == 201, filed.text
    address = f"/v1/disputes/{filed.json()['id']}"
    assert (filed.json()["state"], filed.json()["allowed"]) == ("with_claimant", ["withdraw"])
    assert http.get(f"/v1/claims/{claim.id}").json()["money_held_from"] is not None

    kept = http.post(f"{address}/evidence", files={"file": ("licence.pdf", b"%PDF-1.7 licence")})
    refused = http.post(f"{address}/evidence", files={"file": ("x.exe", b"MZ\x90\x00\x03\x00")})
    assert kept.json()["media_type"] == "application/pdf"
    assert problem(refused) == "bad-fields"
    assert [each["id"] for each in theirs.get(f"{address}/evidence").json()["items"]] == [
        kept.json()["id"]
    ]

    assert theirs.get(address).json()["allowed"] == ["release_claim", "uphold_claim"]
    assert problem(theirs.post(f"{address}/answer", json={"answer": "uphold"})) == "bad-fields"
    answered = theirs.post(f"{address}/answer", json={"answer": "release"})
    assert answered.json()["state"] == "released", answered.text
    assert problem(theirs.post(f"{address}/answer", json={"answer": "release"})) == (
        "illegal-transition"
    )
    late = http.post(f"{address}/evidence", files={"file": ("late.pdf", b"%PDF-1.7 late")})
    assert problem(late) == "illegal-transition"
    assert len(http.get(f"{address}/evidence").json()["items"]) == 1
    inline.drive(api.service, track.id)
    assert http.get(f"/v1/tracks/{track.id}").json()["state"] == "released"
    assert http.get("/v1/disputes?state=released").json()["items"][0]["claim_id"] == claim.id


def test_a_holder_gives_a_claim_up(api: Api, platform, caller, label) -> None:
    song = claiming.reference(api.service, caller, label)
    track, claim = claiming.claimed(api.service, caller, song)

    answer = key_of(api, platform, label).post(f"/v1/claims/{claim.id}/release")

    assert (answer.json()["state"], answer.json()["ground"]) == ("released", "holder")
    inline.drive(api.service, track.id)
    assert casework.track_of(api.service, track.id).state == "released"


def test_a_holders_key_sees_nothing_of_others(api: Api, platform, caller, label) -> None:
    song = claiming.reference(api.service, caller, label)
    _, claim = claiming.claimed(api.service, caller, song)
    dispute = platform.http.post("/v1/disputes", json=ASKED | {"claim_id": claim.id}).json()["id"]
    foreign = key_of(api, platform, claiming.holder(api.service, caller, "Other"))

    for path in ("/v1/claims", "/v1/disputes", "/v1/shares", "/v1/licences"):
        assert foreign.get(path).json()["items"] == []
    for path in (
        f"/v1/claims/{claim.id}",
        f"/v1/disputes/{dispute}",
        f"/v1/disputes/{dispute}/evidence",
        f"/v1/holders/{label.id}",
    ):
        assert problem(foreign.get(path)) == "not-found"
    answer = foreign.post(f"/v1/disputes/{dispute}/answer", json={"answer": "release"})
    assert problem(answer) == "not-found"
    assert problem(foreign.get("/v1/references")) == "forbidden"
    assert problem(foreign.get("/v1/tracks")) == "forbidden"


def test_a_key_of_a_holder_never_gets_more_than_a_holder_may(api: Api, platform, label) -> None:
    made, _ = keys.create_key(api.service, platform.tenant.id, "all", holder_id=label.id)

    assert set(made.scopes) == set(HOLDER_SCOPES)
    with pytest.raises(BadKeyRequestError, match="tracks:read"):
        keys.create_key(
            api.service, platform.tenant.id, "more", ["tracks:read"], holder_id=label.id
        )


def test_rights_are_recorded_over_http(platform: Platform, api: Api, caller: Caller) -> None:
    http = platform.http
    made = http.post("/v1/holders", json={"name": "Label", "contact_email": "a@label.example"})
    assert (made.status_code, made.json()["verified"]) == (201, False)
    holder = made.json()["id"]
    assert problem(http.post("/v1/holders", json={"name": "Label"})) == "conflict"
    shown = http.post(
        f"/v1/holders/{holder}/evidence", files={"file": ("id.png", b"\x89PNG\r\n\x1a\n0000")}
    )
    assert shown.json()["media_type"] == "image/png"
    verified = http.post(f"/v1/holders/{holder}/verification", json={"verified": True})
    assert problem(verified) == "forbidden"

    share = {"holder_id": holder, "subject": "T-034.524.680-1", "right": "composition"}
    first = http.post("/v1/shares", json=share | {"percent": "60", "from": "2026-01-01"})
    again = http.post("/v1/shares", json=share | {"percent": "60", "territory": "DE"})
    assert (first.json()["percent"], first.json()["from"]) == ("60", "2026-01-01")
    assert (problem(again), first.json()["id"] in again.text) == ("conflict", True)
    assert len(http.get("/v1/shares?subject=T-034.524.680-1").json()["items"]) == 1

    licence = http.post("/v1/licences", json={"holder_id": holder, "territories": ["DE"]})
    ended = http.post(f"/v1/licences/{licence.json()['id']}/end")
    assert (licence.json()["to"], ended.json()["to"] is not None) == (None, True)


def test_what_is_claimed_is_cut_out_and_the_new_version_replaces_the_old(
    api: Api, platform: Platform
) -> None:
    claimed = sound(71, 20)
    platform.reference(claimed, title="Theirs", policy="block")
    track_id = platform.decided(claimed, external_id="song-1")
    before = casework.track_of(api.service, track_id).state
    address = f"/v1/tracks/{track_id}/edits"
    wanted = {"parts": [{"kind": "mute", "start": 0, "end": 18.9}]}

    made = platform.http.post(address, json=wanted)
    again = platform.http.post(address, json=wanted)
    assert made.status_code == 201, made.text
    new = made.json()["new_track_id"]
    inline.drive(api.service, new)

    assert before in {"blocked", "quarantined"}
    assert again.json()["id"] == made.json()["id"]
    state = casework.track_of(api.service, new)
    assert (state.external_id, state.state) == ("song-1", "released")
    assert casework.track_of(api.service, track_id).state == "withdrawn"
    assert platform.http.get(address).json()["items"][0]["state"] == "replaced"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_fixes_that_go_out_the_one_made_last_stays(
    api: Api, platform: Platform, order: tuple[int, int]
) -> None:
    track_id = platform.decided(sound(72, 6), account="ana")
    address = f"/v1/tracks/{track_id}/edits"
    parts = [{"kind": "cut", "start": 0, "end": end} for end in (1, 2)]
    made = [platform.http.post(address, json={"parts": [part]}).json() for part in parts]
    for n in order:
        inline.drive(api.service, made[n]["new_track_id"])

    versions = [track_id, *(each["new_track_id"] for each in made)]
    states = [casework.track_of(api.service, each).state for each in versions]
    assert states == ["withdrawn", "withdrawn", "released"]


def test_what_is_claimed_is_replaced_by_ones_own_at_the_loudness_around_it(
    api: Api, platform: Platform
) -> None:
    claimed, own = sound(71, 10), song(75, 24)
    platform.reference(claimed, title="Theirs", policy="block")
    mixed = np.concatenate([own[: 8 * RATE], song(71, 10)[: 8 * RATE], own[8 * RATE : 16 * RATE]])
    track_id = platform.decided(as_wav(mixed), account="ana", external_id="song-2")
    donor = platform.decided(
        as_wav(song(76, 20) * 0.3), account="ana", ai_disclosure='{"vocals": "assisted"}'
    )
    assert casework.track_of(api.service, donor).state == "released"
    address = f"/v1/tracks/{track_id}/edits"
    part = {"kind": "replace", "start": 7.9, "end": 16.1, "with_track": donor, "from": 2}

    made = platform.http.post(address, json={"parts": [part]})
    assert made.status_code == 201, made.text
    assert (made.json()["parts"], made.json()["seconds_removed"]) == ([part], 0)
    new = made.json()["new_track_id"]
    inline.drive(api.service, new)

    track = casework.track_of(api.service, new)
    assert track.state == "released"
    assert casework.track_of(api.service, track_id).state == "withdrawn"
    with api.service.database.reading() as session:
        assert declared(session, new)["ai_disclosure"]["vocals"] == "assisted"
    with api.service.store.path_or_copy(track.tenant_id, track.sha256) as path:
        decoded = api.service.decoder.decode(path)
    rate = decoded.sample_rate
    assert decoded.samples.shape[1] == len(mixed)
    inside, outside = (
        loudness(decoded.samples[:, round(a * rate) : round(b * rate)], rate).integrated_lufs
        for a, b in ((8, 16), (0, 7.8))
    )
    assert inside is not None and outside is not None
    assert abs(inside - outside) < 1  # the donor was 10 dB below
    for seam in (7.9, 16.1):
        at = round(seam * rate)
        steps = np.abs(np.diff(decoded.samples))
        assert steps[:, at - 20 : at + 20].max() <= np.quantile(steps, 0.999)


def test_nobody_vouches_for_what_they_did_not_vouch_for() -> None:
    vouched = {"attestation": {"signer": "Ana"}, "licences": [{"licensor": "A"}]}

    assert told_with(vouched, [vouched]) == vouched
    assert told_with(vouched, [{}]) == {"licences": [{"licensor": "A"}]}
    refused = told_with(vouched, [{"attestation_refused": True, "licences": [{"licensor": "B"}]}])
    assert refused == {
        "attestation_refused": True,
        "licences": [{"licensor": "A"}, {"licensor": "B"}],
    }
    places = {"territories": ["AT", "DE"]}
    assert told_with(places, [{"territories": ["DE", "AT"]}]) == places
    assert told_with({}, [{"ai_disclosure": {"vocals": "assisted", "lyrics": "none"}}] * 2) == {
        "ai_disclosure": {"vocals": "assisted", "lyrics": "none"}
    }


def test_only_ones_own_that_is_out_and_was_made_by_nobody_elses_model_is_put_in(
    api: Api, platform: Platform
) -> None:
    track_id = platform.decided(sound(72, 6), account="ana")
    address = f"/v1/tracks/{track_id}/edits"
    theirs = platform.decided(sound(73, 6), account="bob")
    platform.reference(sound(77, 12), title="Theirs", policy="block")
    blocked = platform.decided(sound(77, 10), account="ana")
    short = platform.decided(sound(78, 3), account="ana")
    elsewhere = platform.decided(sound(79, 6), account="ana", territories='["DE"]')
    part = {"kind": "replace", "start": 1, "end": 5}

    for donor, told in (
        (theirs, "another track of the same account"),
        (track_id, "another track of the same account"),
        ("00000000-0000-4000-8000-000000000000", "another track of the same account"),
        (blocked, "out without limits"),
        (short, "4.0 s are needed"),
        (elsewhere, "other territories"),
        (None, "with_track"),
    ):
        answer = platform.http.post(address, json={"parts": [part | {"with_track": donor}]})
        assert problem(answer) == "bad-fields", donor
        assert told in answer.text
    far = part | {"with_track": short, "from": 1e308}
    answer = platform.http.post(address, json={"parts": [far]})
    assert problem(answer) == "bad-fields"
    assert "has 0.0 s from there on" in answer.text


def test_two_fills_do_not_lie_upon_each_other(api: Api, platform: Platform) -> None:
    """Each would end where the other begins, without a fade; and a hundred of them are as large as a hundred tracks."""
    track_id = platform.decided(sound(72, 6), account="ana")
    donor = platform.decided(sound(80, 6), account="ana")
    address = f"/v1/tracks/{track_id}/edits"
    spans = [(3, 5), (1, 3.5)]
    filled = {"kind": "replace", "with_track": donor}
    parts = [filled | {"start": start, "end": end} for start, end in spans]

    answer = platform.http.post(address, json={"parts": parts})
    assert problem(answer) == "bad-fields"
    assert "do not overlap" in answer.text
    side_by_side = [filled | {"start": 1, "end": 3}, filled | {"start": 3, "end": 5, "from": 2}]
    assert platform.http.post(address, json={"parts": side_by_side}).status_code == 201


def test_what_a_file_says_of_a_model_is_not_lost_in_a_fix(api: Api, platform: Platform) -> None:
    """AIA-50-4: the new file has no manifest, and part of a marked track may be too short to find its mark."""
    track_id = platform.decided(sound(72, 6), account="ana")
    said, told, marked = (
        platform.decided(sound(seed, 6), account="ana", ai_disclosure=disclosure)
        for seed, disclosure in ((81, "{}"), (82, '{"vocals": "generated"}'), (83, "{}"))
    )
    manifest = {"state": "valid", "synthetic": True, "issuer": "Somebody"}
    with api.service.database.transaction() as session:
        for each in (said, told):
            seen = session.get_one(Analysis, session.get_one(Track, each).analysis_id)
            seen.provenance = manifest
        seen = session.get_one(Analysis, session.get_one(Track, marked).analysis_id)
        seen.watermarks = [{"verdict": "found", "owner": "other"}]
        fillable = edit_fills.possible(session, session.get_one(Track, track_id))
    assert [each.id for each in fillable] == [told]

    address = f"/v1/tracks/{track_id}/edits"
    part = {"kind": "replace", "start": 1, "end": 5}
    for donor, why in ((said, "AI was not declared"), (marked, "its mark would be lost")):
        answer = platform.http.post(address, json={"parts": [part | {"with_track": donor}]})
        assert problem(answer) == "bad-fields"
        assert why in answer.text
    made = platform.http.post(address, json={"parts": [part | {"with_track": told}]})
    assert made.status_code == 201
    cut = {"parts": [{"kind": "cut", "start": 1, "end": 2}]}
    answer = platform.http.post(f"/v1/tracks/{said}/edits", json=cut)
    assert "AI was not declared" in answer.text
    assert platform.http.post(f"/v1/tracks/{told}/edits", json=cut).status_code == 201


def test_parts_that_make_no_sense_are_refused(api: Api, platform: Platform) -> None:
    address = f"/v1/tracks/{platform.decided(sound(72, 6))}/edits"

    for part, told in (
        ({"kind": "cut", "start": 3, "end": 2}, "start before the end"),
        ({"kind": "cut", "start": 0, "end": 6}, "withdraw"),
        ({"kind": "cut", "start": 1, "end": 2, "with_track": "x"}, "with_track"),
    ):
        answer = platform.http.post(address, json={"parts": [part]})
        assert problem(answer) == "bad-fields"
        assert told in answer.text


def test_a_catalogue_is_sent_taken_in_and_reported_to_its_holder_alone(
    api: Api, platform: Platform, caller: Caller, label: Holder
) -> None:
    theirs = key_of(api, platform, label)
    other = key_of(api, platform, claiming.holder(api.service, caller, "Other"))
    (song,) = cataloguing.many(api.service, caller, label, 1)
    address = "/v1/rights/catalogue-imports"
    file = {"file": ("list.csv", f"isrc,title\n{song.isrc},=1\nx,Song\n".encode())}

    sent = theirs.post(address, files=file, headers={"Idempotency-Key": "one"})
    again = theirs.post(address, files=file, headers={"Idempotency-Key": "one"})
    assert (sent.status_code, sent.json()["state"]) == (202, "waiting")
    assert again.json()["id"] == sent.json()["id"]
    assert problem(platform.http.post(address, files=file)) == "bad-fields"
    assert problem(theirs.post(address, files=file, data={"policy": "block"})) == "bad-fields"
    assert problem(other.post(address, files=file, data={"files_of": sent.json()["id"]})) == (
        "not-found"
    )

    assert catalogue_imports.run_due(api.service) == 1
    own = f"{address}/{sent.json()['id']}"
    assert theirs.get(own).json()["counts"] == {
        "waiting": 0, "added": 0, "changed": 1, "known": 0, "refused": 1,
    }  # fmt: skip
    report = theirs.get(f"{own}/report")
    assert report.headers["content-type"].startswith("text/csv")
    assert ",'=1,changed," in report.text and "3,x,Song,refused,,isrc," in report.text
    assert problem(other.get(own)) == problem(other.get(f"{own}/report")) == "not-found"
    assert other.get(address).json()["items"] == []
    assert [each["id"] for each in platform.http.get(address).json()["items"]] == [
        sent.json()["id"]
    ]
