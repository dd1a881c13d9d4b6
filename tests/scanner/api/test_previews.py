"""Listening to music while it is made."""

import io
import time
from datetime import timedelta

import numpy as np
import pytest
import soundfile
from sqlmodel import select

from scanner import mark_reading, previews, references, watermark_keys
from scanner.callers import SCOPES, Caller
from scanner.errors import BusyError
from scanner.journal import Actor, event_of
from scanner.live_encoding import OpusEncoder, WavEncoder
from scanner.live_stream import RATE, LiveSession
from scanner.tables import Preview
from tests.scanner.api.conftest import Api, Platform, problem
from tests.servers import wait_until

PROMPT = "calm, 120 bpm, G major, 4 bars, piano and cello"


@pytest.fixture
def listener(api: Api) -> Platform:
    platform = api.platform("one")
    watermark_keys.rotate(api.service, Actor("operator", "admin"))
    return platform


def asked(platform: Platform, prompt: str = PROMPT, **fields: object) -> dict:
    answer = platform.http.post("/v1/previews", json={"prompt": prompt, "seed": 5, **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def of(platform: Platform, view: dict) -> dict:
    return dict(platform.http.get(f"/v1/previews/{view['id']}").json())


def samples_of(content: bytes) -> np.ndarray:
    head = content.index(b"data") + 8
    return np.frombuffer(content[head : len(content) // 4 * 4], "<i2").reshape(-1, 2)


def events(api: Api, platform: Platform) -> list[str]:
    return [row.type.rpartition(".")[2] for row in api.journal(platform) if "preview" in row.type]


def test_a_preview_is_heard_to_its_end_and_journalled_and_nothing_of_it_is_kept(
    api, listener
) -> None:
    before = api.files()
    view = asked(listener, endless=False)
    assert view["state"] == "open" and view["reasons"] == []
    assert {each["field"] for each in view["understood"]} >= {"tempo", "key", "bars"}

    answer = listener.http.get(f"{view['audio_url']}?form=wav", timeout=90)

    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["content-disposition"] == "inline"
    assert answer.headers["cache-control"] == "no-store"
    heard = samples_of(answer.content)
    after = of(listener, view)
    assert after["state"] == "ended" and after["audio_url"] is None
    assert len(heard) == pytest.approx(after["tally"]["seconds"] * RATE, abs=2)
    assert after["tally"]["bars"] == 5, "four, and what rings on"
    assert np.abs(heard).max() > 1000
    assert api.files() == before
    assert events(api, listener) == ["asked", "started", "previewed"]
    said = event_of(api.journal(listener)[-1]).data
    assert said["bars"] == 5 and len(said["sha256"]) == 64


def test_it_is_heard_once_by_its_own_tenant_and_unknown_ones_read_the_same(api, listener) -> None:
    view = asked(listener, endless=False)
    other = api.platform("two")
    foreign = other.http.get(view["audio_url"])
    unknown = other.http.get("/v1/previews/00000000-0000-7000-8000-000000000000/audio")
    assert problem(foreign) == problem(unknown) == "not-found"
    assert other.http.get(f"/v1/previews/{view['id']}").status_code == 404
    with listener.http.stream("GET", view["audio_url"], timeout=90) as answer:
        next(answer.iter_bytes())
        assert problem(listener.http.get(view["audio_url"])) == "illegal-transition"
    wait_until(lambda: of(listener, view)["state"] == "ended", 30, "the end of its making")


def test_a_prompt_that_names_a_song_is_refused_with_a_reason_before_anything_plays(
    api, listener, wav
) -> None:
    listener.reference(wav, title="Golden Harbour", holder="Label")
    view = asked(listener, prompt="something like Golden Harbour, with piano")
    assert view["state"] == "refused" and view["audio_url"] is None
    assert "Golden Harbour" in view["reasons"][0]["text"]
    audio = listener.http.get(f"/v1/previews/{view['id']}/audio")
    assert problem(audio) == "illegal-transition"
    assert events(api, listener) == ["refused"]


def test_nothing_is_heard_without_a_key_to_mark_it_with(api) -> None:
    platform = api.platform("one")
    view = asked(platform)
    assert platform.http.get(view["audio_url"]).status_code >= 400
    assert of(platform, view)["state"] == "open", "it may be heard once there is a key"


def test_controls_are_heard_at_a_bar_and_who_leaves_ends_its_making(api, listener) -> None:
    view = asked(listener)
    with listener.http.stream("GET", f"{view['audio_url']}?form=wav", timeout=90) as answer:
        chunks = answer.iter_bytes()
        next(chunks)
        changed = listener.http.patch(
            f"/v1/previews/{view['id']}",
            json={"tempo": 60, "instruments": ["flute"]},
            headers={"If-Match": "*"},
        )
        assert changed.status_code == 200 and changed.json()["controls"]["tempo"] == 60
        count = sum(len(next(chunks)) for _ in range(2))
        assert count > 0
        bad = listener.http.patch(
            f"/v1/previews/{view['id']}",
            json={"instruments": ["kazoo"]},
            headers={"If-Match": "*"},
        )
        assert problem(bad) == "bad-fields" and "kazoo" in bad.text
        assert next(chunks), "the music goes on"
    wait_until(lambda: of(listener, view)["state"] == "ended", 30, "the end of its making")
    assert of(listener, view)["version"] == 1
    late = listener.http.patch(
        f"/v1/previews/{view['id']}", json={"tempo": 70}, headers={"If-Match": "*"}
    )
    assert problem(late) == "illegal-transition"
    assert problem(listener.http.patch(f"/v1/previews/{view['id']}", json={})) == (
        "precondition-required"
    )


def test_a_second_preview_of_the_same_listener_ends_the_first(api, listener) -> None:
    first, second = asked(listener), asked(listener)
    with listener.http.stream("GET", first["audio_url"], timeout=90) as answer:
        next(answer.iter_bytes())
        with listener.http.stream("GET", second["audio_url"], timeout=90) as other:
            next(other.iter_bytes())
            wait_until(lambda: of(listener, first)["state"] == "ended", 30, "the first one's end")
            assert of(listener, second)["state"] == "playing"


def test_no_more_play_at_once_than_the_operator_allows(make_api) -> None:
    api = make_api(preview_sessions=0)
    platform = api.platform("one")
    watermark_keys.rotate(api.service, Actor("operator", "admin"))
    busy = platform.http.get(asked(platform)["audio_url"])
    assert problem(busy) == "busy" and busy.headers["retry-after"]


def test_a_tenant_takes_no_more_than_its_share_of_what_plays_at_once(make_api) -> None:
    api = make_api(preview_sessions=2, preview_sessions_a_tenant=1)
    one, other = api.platform("one"), api.platform("other")
    watermark_keys.rotate(api.service, Actor("operator", "admin"))
    previews.begin(api.service, caller_of(one), asked(one)["id"])
    second = Caller(one.tenant.id, Actor("somebody else", "platform"), frozenset(SCOPES))
    view = previews.ask(api.service, second, previews.PreviewAskedFor(PROMPT))
    with pytest.raises(BusyError):
        previews.begin(api.service, second, view["id"])
    row, _key, _payload = previews.begin(api.service, caller_of(other), asked(other)["id"])
    assert row.state == "playing"


def test_what_one_tenant_may_play_at_once_leaves_room_for_another(api) -> None:
    limits = api.service.settings
    assert limits.preview_sessions > limits.preview_sessions_a_tenant


def test_a_childs_previews_have_the_days_quota_by_themselves(api, listener) -> None:
    told = {"method": "document", "band": "teen", "country": "DE"}
    listener.http.put("/v1/accounts/tia/age", json=told)
    listener.http.put("/v1/accounts/tia/controls", json={"daily_generations": 2})

    def quota() -> tuple[int, int]:
        view = listener.http.get("/v1/generations/quota", params={"account": "tia"}).json()
        return view["left"], view["previews_left"]

    for _ in range(2):
        view = asked(listener, account="tia")
        assert view["state"] == "open"
        previews.begin(api.service, caller_of(listener), view["id"])
    refused = asked(listener, account="tia")
    assert refused["state"] == "refused" and "previews" in refused["reasons"][0]["text"]
    assert "Live-Vorschauen" in refused["reasons"][0]["texts"]["de"]
    assert quota() == (2, 0)
    body = {"prompt": PROMPT, "account": "tia"}
    assert listener.http.post("/v1/generations", json=body).json()["state"] == "queued"
    assert quota() == (1, 0)
    with api.service.database.transaction() as session:
        for row in session.exec(select(Preview)):
            row.created_at -= timedelta(days=1)
    assert asked(listener, account="tia")["state"] == "open", "another day"


def test_a_stopped_preview_whose_server_went_away_is_journalled_all_the_same(api, listener) -> None:
    view = asked(listener)
    previews.begin(api.service, caller_of(listener), view["id"])
    previews.beat(api.service, view["id"], previews.TALLY | {"bars": 3, "seconds": 6.0})
    previews.stop(api.service, caller_of(listener), view["id"])
    assert previews.end_lost(api.service) == 0, "who plays it may still say what was heard"
    with api.service.database.transaction() as session:
        session.get_one(Preview, view["id"]).beat_at -= timedelta(minutes=1)

    assert previews.end_lost(api.service) == 1
    assert previews.end_lost(api.service) == 0

    said = [event_of(row).data for row in api.journal(listener) if row.type.endswith("previewed")]
    assert [(each["sha256"], each["bars"]) for each in said] == [(None, 3)]
    assert of(listener, view)["ended_at"]


def test_a_worker_that_finds_no_lost_preview_takes_no_lock(api, listener, monkeypatch) -> None:
    begun = asked(listener)
    previews.begin(api.service, caller_of(listener), begun["id"])
    monkeypatch.setattr(api.service.database, "transaction", None)
    assert previews.end_lost(api.service) == 0


def session_of(api: Api, platform: Platform, **parameters: object) -> LiveSession:
    caller = Caller(platform.tenant.id, Actor("somebody", "platform"), frozenset(SCOPES))
    asked_for = previews.PreviewAskedFor(PROMPT, None, {"seed": 5, **parameters})
    view = previews.ask(api.service, caller, asked_for)
    row, key, payload = previews.begin(api.service, caller, view["id"])
    return LiveSession(api.service, row, key, payload, WavEncoder(RATE), time.monotonic())


def heard(session: LiveSession, seconds: float) -> np.ndarray:
    content = b""
    while session.tally["seconds"] < seconds and (chunk := session.next_chunk()) is not None:
        content += chunk
    session.close()
    return samples_of(content)


def test_a_recording_of_a_preview_names_it_by_its_mark(api, listener) -> None:
    session = session_of(api, listener)
    sound = heard(session, 70).T.astype(np.float32) / 32768
    ring = watermark_keys.ring(api.service, listener.tenant.id)
    marks = mark_reading.read(api.service.watermarker, ring, np.ascontiguousarray(sound), RATE)
    with api.service.database.reading() as session_:
        told = mark_reading.described(session_, listener.tenant.id, marks)
        foreign = mark_reading.described(session_, "another", marks)
        rows = session_.get(Preview, told[0]["preview_id"])
    assert rows is not None and rows.payload_id == told[0]["payload"][:24]
    assert all("preview_id" not in each for each in foreign)


def test_a_bar_that_resembles_a_reference_is_silent_and_counted(api, listener, tmp_path) -> None:
    original = tmp_path / "protected.wav"
    first = session_of(api, listener)
    soundfile.write(original, heard(first, 24), RATE)
    references.add(api.service, caller_of(listener), path=original, title="Mine", holder="Label")

    again = session_of(api, listener)
    sound = heard(again, 16)

    assert again.tally["compared"] >= 1
    assert again.tally["silenced"] >= 1
    quiet = [part for part in np.array_split(sound, 16) if np.abs(part[2000:]).max() < 40]
    assert quiet, "a bar of silence is heard"


def caller_of(platform: Platform) -> Caller:
    return Caller(platform.tenant.id, Actor("somebody", "platform"), frozenset(SCOPES))


def test_what_is_late_is_replaced_by_the_last_phrase_and_counted(api, listener) -> None:
    session = session_of(api, listener)
    for _ in range(2):
        session.next_chunk()
    player = session._player
    asked_for, player.ask = [], lambda *given, **named: asked_for.append(given)  # it stands still
    while not asked_for or session._waiting:  # until the bar that is under way was played
        session.next_chunk()
    session._first_sent -= 60  # everything that was sent was heard long ago
    one = samples_of(b"data____" + session.next_chunk())
    other = samples_of(b"data____" + session.next_chunk())
    session.close()
    assert session.tally["repeated"] >= 2
    assert np.abs(one).max() > 300 and np.abs(other).max() > 300


@pytest.mark.parametrize("encoder", [WavEncoder, OpusEncoder])
def test_streams_decode_to_what_went_in(encoder) -> None:
    time_ = np.arange(2 * RATE) / RATE
    sound = np.stack([np.sin(2 * np.pi * 440 * time_), np.sin(2 * np.pi * 660 * time_)])
    sound = (0.5 * sound).astype(np.float32)
    made = encoder(RATE)
    first = made.feed(sound[:, :RATE])
    assert len(first) > 2000, "a second of sound comes out at once"
    content = first + made.feed(sound[:, RATE:]) + made.finish()
    if encoder is WavEncoder:
        decoded, rate = samples_of(content) / 32768, RATE
    else:
        decoded, rate = soundfile.read(io.BytesIO(content))
    assert decoded.shape[0] / rate == pytest.approx(2, abs=0.05)
    spectrum = np.abs(np.fft.rfft(decoded[:rate, 0]))
    assert spectrum.argmax() == pytest.approx(440, abs=1)


def test_what_a_server_left_behind_is_ended_when_the_next_one_begins(api, listener) -> None:
    lost = asked(listener)
    previews.begin(api.service, caller_of(listener), lost["id"])
    with api.service.database.transaction() as session:
        row = session.get_one(Preview, lost["id"])
        row.beat_at = row.created_at.replace(year=2020)
        row.asked_by = "a login that went away"
    view = asked(listener)
    with listener.http.stream("GET", view["audio_url"], timeout=90) as answer:
        next(answer.iter_bytes())
    assert of(listener, lost)["state"] == "ended"
    said = [event_of(row).data for row in api.journal(listener) if row.type.endswith("previewed")]
    assert said[0]["sha256"] is None, "nobody can say what was heard"
