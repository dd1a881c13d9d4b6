"""Why a track was judged so, over HTTP: sentences, the replay, pictures."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import select

import fingerprint
from scanner import analysis, references
from scanner.callers import SCOPES, Caller
from scanner.inline import drive
from scanner.journal import Actor
from scanner.tables import TrackMatch
from tests.scanner.api.conftest import Api, Platform, problem, sound

RECORDING = sound(7, 10)


def test_an_explanation_tells_what_was_found_in_plain_words(both_api: Api) -> None:
    platform = both_api.platform()
    recording = sound(7, 10)
    reference = platform.reference(recording, title="Known")["id"]
    track_id = platform.decided(recording)

    told = platform.http.get(f"/v1/tracks/{track_id}/explanation").json()

    assert told["sentences"] == [
        "from 0:00 to 0:10 your track is the recording 'Known' from 0:00 to 0:10"
    ]
    (match,) = told["recorded"]["matches"]
    assert (match["reference_id"], match["sentence"]) == (reference, told["sentences"][0])
    assert told["recorded"]["index_version"]
    assert (told["decision"], told["replay"]) == ("review", None)
    assert told["reasons"]


def test_a_replay_finds_today_what_was_not_there_when_the_track_was_judged(both_api: Api) -> None:
    platform = both_api.platform()
    recording = sound(8, 10)
    track_id = platform.decided(recording)
    platform.reference(recording, title="Late")
    before = both_api.journal(platform)

    told = platform.http.get(f"/v1/tracks/{track_id}/explanation?threshold=0.9").json()

    assert told["sentences"] == [] == told["recorded"]["matches"]
    (match,) = told["replay"]["matches"]
    assert (match["title"], match["recorded"]) == ("Late", False)
    assert told["replay"]["threshold"] == 0.9
    assert told["replay"]["index_version"] != told["recorded"]["index_version"]
    assert told["replay"]["index_epoch"] > told["recorded"]["index_epoch"]
    assert len(both_api.journal(platform)) == len(before)
    assert platform.http.get(f"/v1/tracks/{track_id}").json()["matches"] == []


def test_a_lower_threshold_finds_more_and_a_higher_one_less(api: Api) -> None:
    """An excerpt so short that the index is not sure of it."""
    platform = api.platform()
    platform.reference(sound(9, 30), title="Whole")
    track_id = platform.decided(sound(9, 4))

    def scores(threshold: float) -> list[float]:
        told = platform.http.get(f"/v1/tracks/{track_id}/explanation?threshold={threshold}").json()
        return [match["score"] for match in told["replay"]["matches"]]

    (score,) = scores(0.0)
    assert 0 < score < 1
    assert scores(score * 0.99) == [score]
    assert scores(min(1.0, score * 1.01)) == []


@pytest.mark.parametrize("threshold", ["-0.1", "1.1", "nan", "inf", "much", ""])
def test_a_threshold_that_is_no_probability_is_refused(
    platform: Platform, wav: bytes, threshold: str
) -> None:
    track_id = platform.submit(wav)

    answer = platform.http.get(f"/v1/tracks/{track_id}/explanation?threshold={threshold}")

    assert problem(answer) == "bad-fields"


def test_a_match_is_drawn_as_png_and_svg(api: Api) -> None:
    platform = api.platform()
    recording = sound(7, 10)
    first = platform.reference(recording, title="Known")["id"]
    track_id = platform.decided(recording)
    address = f"/v1/tracks/{track_id}/explanation"

    png = platform.http.get(f"{address}.png")
    svg = platform.http.get(f"{address}.svg?reference={first}")

    assert png.headers["content-type"] == "image/png"
    assert png.content.startswith(b"\x89PNG")
    assert svg.headers["content-type"].startswith("image/svg+xml")
    assert svg.headers["content-security-policy"].startswith("default-src 'none'")
    title = ET.fromstring(svg.content)[0].text
    assert title == "From 0:00 to 0:10 your track is the recording 'Known' from 0:00 to 0:10."
    for answer in (png, svg):
        assert answer.headers["cache-control"] == "private, no-cache"


def test_what_a_replay_finds_can_be_drawn(api: Api) -> None:
    platform = api.platform()
    recording = sound(8, 10)
    track_id = platform.decided(recording)
    platform.reference(recording, title="Late")
    address = f"/v1/tracks/{track_id}/explanation.svg"

    assert problem(platform.http.get(address)) == "nothing-to-draw"
    title = ET.fromstring(platform.http.get(f"{address}?threshold=0.9").content)[0].text
    assert "'Late'" in (title or "")


def test_a_match_of_which_nothing_can_be_shown_is_nothing_to_draw(api: Api) -> None:
    """A match on record that lies beyond what the fingerprints hold now."""
    platform = api.platform()
    recording = sound(7, 10)
    platform.reference(recording, title="Known")
    track_id = platform.decided(recording)
    with api.service.database.transaction() as session:
        match = session.exec(select(TrackMatch).where(TrackMatch.track_id == track_id)).one()
        beyond = {"query_start": 500.0, "query_end": 510.0}
        match.segments = [segment | beyond for segment in match.segments]
    for form in ("png", "svg"):
        answer = platform.http.get(f"/v1/tracks/{track_id}/explanation.{form}")
        assert problem(answer) == "nothing-to-draw"
        assert "nothing to compare around 500.0 s" in answer.json()["detail"]


def test_nothing_to_draw_says_what_to_do(api: Api, wav: bytes) -> None:
    platform = api.platform()
    recording = sound(7, 10)
    platform.reference(recording)
    clean, matching = platform.decided(wav), platform.decided(recording)

    unmatched = platform.http.get(f"/v1/tracks/{clean}/explanation.png")
    nearest = platform.http.get(f"/v1/tracks/{clean}/explanation.png?threshold=1")
    other = platform.http.get(f"/v1/tracks/{matching}/explanation.png?reference={clean}")

    for answer, told in (
        (unmatched, "give a threshold"),
        (nearest, "give a lower threshold"),
        (other, "found were: "),
    ):
        assert (problem(answer), answer.status_code) == ("nothing-to-draw", 404)
        assert told in answer.json()["detail"]


@pytest.mark.parametrize("part", ["explanation", "explanation.png", "explanation.svg"])
def test_an_explanation_is_for_the_tracks_own_tenant_and_for_who_may_read(
    api: Api, part: str
) -> None:
    platform, stranger = api.platform("one"), api.platform("two")
    recording = sound(7, 10)
    platform.reference(recording)
    track_id = platform.decided(recording)
    address = f"/v1/tracks/{track_id}/{part}"

    assert problem(stranger.http.get(address)) == "not-found"
    assert problem(api.client().get(address)) == "unauthorised"
    assert problem(api.scoped(platform, "references:read").get(address)) == "forbidden"
    assert problem(platform.http.get("/v1/tracks/none/" + part)) == "not-found"
    assert platform.http.get(address).status_code == 200


@pytest.mark.parametrize("part", ["explanation", "explanation.png"])
def test_a_track_that_is_not_analysed_yet_has_no_explanation(
    platform: Platform, wav: bytes, part: str
) -> None:
    answer = platform.http.get(f"/v1/tracks/{platform.submit(wav)}/{part}")

    assert problem(answer) == "not-found"
    assert "still being looked at" in answer.json()["detail"]


def test_a_track_too_short_to_search_is_explained_but_not_replayed(platform: Platform) -> None:
    track_id = platform.decided(sound(3, 1))

    assert platform.http.get(f"/v1/tracks/{track_id}/explanation").json()["sentences"] == []
    answer = platform.http.get(f"/v1/tracks/{track_id}/explanation?threshold=0.3")
    assert problem(answer) == "not-found"
    assert "too short to search" in answer.json()["detail"]


@pytest.fixture
def printed(api: Api, platform: Platform, tmp_path: Path) -> fingerprint.Fingerprint:
    """The fingerprint of a recording, as an analysis makes it."""
    path = tmp_path / "song.wav"
    path.write_bytes(RECORDING)
    made = analysis.analyse_audio(api.service, platform.tenant.id, path, "seed").print
    assert made is not None
    return made


def refer_to(platform: Platform, print_: fingerprint.Fingerprint) -> None:
    """Make a reference of what is known by its fingerprint alone."""
    blob = platform.service.store.put_bytes(platform.tenant.id, print_.to_bytes())
    new = references.New("Known", print_.duration, blob.sha256)
    caller = Caller(platform.tenant.id, Actor("test", "platform"), frozenset(SCOPES))
    references.take_in(platform.service, caller, new, print_)


KEPT = "(waveform, kept in steps of 0.2 s)"
NOT_KEPT = "(no waveform was kept; spectral peaks, low to high)"


def test_both_waveforms_are_drawn(platform: Platform) -> None:
    platform.reference(RECORDING, title="Known")
    track_id = platform.decided(RECORDING)

    drawn = platform.http.get(f"/v1/tracks/{track_id}/explanation.svg")

    assert f"your track: song.wav {KEPT}<" in drawn.text
    assert f"reference: Known {KEPT}<" in drawn.text


def test_a_reference_without_a_waveform_is_drawn_by_what_it_has_and_the_picture_says_so(
    platform: Platform, printed: fingerprint.Fingerprint
) -> None:
    refer_to(platform, replace(printed, waveform=None))
    track_id = platform.decided(RECORDING)

    drawn = platform.http.get(f"/v1/tracks/{track_id}/explanation.svg")

    assert "your track: song.wav (waveform)<" in drawn.text
    assert f"reference: Known {NOT_KEPT}<" in drawn.text
    png = platform.http.get(f"/v1/tracks/{track_id}/explanation.png")
    assert png.content.startswith(b"\x89PNG")


@pytest.mark.parametrize("kept", [True, False])
def test_a_track_of_which_there_is_only_a_fingerprint_is_drawn_by_it(
    api: Api, platform: Platform, printed: fingerprint.Fingerprint, kept: bool
) -> None:
    platform.reference(RECORDING)
    sent = printed if kept else replace(printed, waveform=None)
    answer = platform.http.post(
        "/v1/tracks", headers={"Idempotency-Key": "k"}, json={"fingerprint": sent.to_json()}
    )
    track_id = answer.json()["track_id"]
    drive(api.service, track_id)

    drawn = platform.http.get(f"/v1/tracks/{track_id}/explanation.svg")

    assert drawn.status_code == 200, drawn.text
    assert f"your track: track {track_id} {KEPT if kept else NOT_KEPT}<" in drawn.text


def test_a_match_with_a_reference_that_was_taken_back_can_still_be_explained(
    api: Api, platform: Platform
) -> None:
    recording = sound(7, 10)
    reference = platform.reference(recording, title="Known")["id"]
    track_id = platform.decided(recording)
    caller = Caller(platform.tenant.id, Actor("test", "platform"), frozenset(SCOPES))
    references.remove(api.service, caller, reference)

    told = platform.http.get(f"/v1/tracks/{track_id}/explanation?threshold=0.3").json()

    assert "'Known'" in told["sentences"][0]
    assert told["replay"]["matches"] == []
    assert platform.http.get(f"/v1/tracks/{track_id}/explanation.png").status_code == 200


def test_a_fingerprint_that_is_lost_is_said_and_to_be_asked_for_again(
    api: Api, platform: Platform
) -> None:
    recording = sound(7, 10)
    platform.reference(recording)
    track_id = platform.decided(recording)
    for path in api.files():
        if path.read_bytes()[:4] == b"CLFP":
            path.unlink()

    answer = platform.http.get(f"/v1/tracks/{track_id}/explanation.png")

    assert problem(answer) == "unavailable"
    assert "restore the store" in answer.json()["detail"]


def test_a_match_is_drawn_with_the_waveform_that_was_kept_when_the_audio_is_gone(
    api: Api, platform: Platform
) -> None:
    platform.reference(RECORDING)
    track_id = platform.decided(RECORDING)
    for path in api.files():
        if path.read_bytes()[:4] == b"RIFF":
            path.unlink()

    drawn = platform.http.get(f"/v1/tracks/{track_id}/explanation.svg")

    assert drawn.status_code == 200
    assert f"your track: song.wav {KEPT}<" in drawn.text
