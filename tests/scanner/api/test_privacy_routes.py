"""What is kept about an account: read whole, erased, held."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import SQLModel, col, select

from scanner import audit
from scanner.bus.relay import seal_batch
from scanner.callers import SCOPES, Caller
from scanner.clock import new_id, utc_now
from scanner.inline import drive
from scanner.journal import Actor
from scanner.privacy import erasure, holds, sweeper
from scanner.tables import BlobRelease, Case, JournalRow, Track, TrackMatch, WebhookDelivery
from tests import casework
from tests.scanner.api.conftest import Api, MakeApi, Platform, problem, sound
from tests.scanner.audio.recordings import encode, stereo
from watermark.provenance import Tags, write_tags

LATER = timedelta(hours=1)
SECRETS = ("wonderland-7", "Alice Liddell", "down the rabbit hole", "teaparty", "hatter.wav")
DECLARED = {
    "account": "wonderland-7",
    "external_id": "teaparty",
    "lyrics": "down the rabbit hole",
    "attestation": json.dumps(
        {"text_version": "1", "signer": "Alice Liddell", "at": "2026-11-01T00:00:00Z"}
    ),
}


def acting(platform: Platform) -> Caller:
    return Caller(platform.tenant.id, Actor("tester", "platform"), frozenset(SCOPES))


def submitted(platform: Platform, content: bytes, **fields: Any) -> str:
    answer = platform.http.post(
        "/v1/tracks",
        headers={"Idempotency-Key": new_id()},
        files={"file": ("hatter.wav", content)},
        data=DECLARED | fields,
    )
    assert answer.status_code == 202, answer.text
    track_id = str(answer.json()["track_id"])
    drive(platform.service, track_id)
    return track_id


def everything(api: Api) -> str:
    """Every row of every table, as text."""
    with api.service.database.reading() as session:
        return "\n".join(
            str(row)
            for table in SQLModel.metadata.sorted_tables
            for row in session.execute(text(f'SELECT * FROM "{table.name}"'))
        )


def blobs(api: Api, platform: Platform) -> set[str]:
    return {path.name for path in api.files() if platform.tenant.id in path.parts}


def erased(platform: Platform, account: str = "wonderland-7", match: str = "*") -> Any:
    return platform.http.delete(f"/v1/accounts/{account}", headers={"If-Match": match})


def an_hour_later(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.service, "now", lambda: utc_now() + LATER)


def test_an_erasure_leaves_nothing_of_a_person_and_the_chain_whole(
    both_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, platform = both_api, both_api.platform()
    platform.http.post("/v1/webhooks", json={"url": "https://a.example.com/", "events": ["*"]})
    track_id = submitted(platform, sound(71))
    assert all(secret in everything(api) for secret in SECRETS)
    assert blobs(api, platform)
    an_hour_later(api, monkeypatch)

    answer = erased(platform)

    assert answer.status_code == 200, answer.text
    seal_batch(api.service.database)
    left = everything(api)
    assert [secret for secret in SECRETS if secret in left] == []
    assert blobs(api, platform) == set()
    assert platform.http.get("/v1/audit/verify").json()["whole"]
    track = platform.http.get(f"/v1/tracks/{track_id}").json()
    assert (track["state"], track["decision"], track["sha256"]) == ("withdrawn", "clear", None)
    assert problem(platform.http.get(f"/v1/tracks/{track_id}/audio")) == "audio-missing"
    assert problem(platform.http.get("/v1/accounts/wonderland-7")) == "not-found"
    assert problem(erased(platform)) == "not-found"
    (row,) = api.journal(platform, "clearance.account.erased")
    assert row.data == {"tracks": 1, "cause": "asked"}


def test_a_guarded_account_is_exported_and_erased_with_all_that_is_known_of_its_person(
    both_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = both_api.platform()
    account = "/v1/accounts/wonderland-7"
    asked = {"guardian": "mrs-liddell", "scopes": ["generate"], "text": "May she?"}
    for path, body in (
        ("consents", asked | {"text_version": "1", "language": "en"}),
        ("age", {"method": "parent", "band": "child", "country": "GB"}),
        ("controls", {"daily_generations": 2, "zone": "Europe/London"}),
    ):
        send = platform.http.post if path == "consents" else platform.http.put
        assert send(f"{account}/{path}", json=body).is_success, path
    prompt = {"prompt": "a mad tea party", "account": "wonderland-7"}
    assert platform.http.post("/v1/generations", json=prompt).status_code == 202

    answer = platform.http.get(f"{account}/data")

    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        told = {row["type"] for row in json.loads(archive.read("journal.json"))}
        assert b"mrs-liddell" in archive.read("tables/guardian.json")
    assert {"clearance.consent.requested", "clearance.generation.requested"} <= told

    an_hour_later(both_api, monkeypatch)
    answer = erased(platform)
    assert answer.status_code == 200, answer.text
    left = everything(both_api)
    assert [each for each in ("wonderland-7", "mrs-liddell", "mad tea party") if each in left] == []
    assert erasure.reapply(both_api.service) == 0


def test_tags_that_came_with_a_file_go_with_its_account(
    both_api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    platform = both_api.platform()
    plain = encode(tmp_path / "plain.flac", stereo(12.0), "flac")
    content = io.BytesIO()
    with plain.open("rb") as source:
        write_tags(source, content, "flac", Tags(artist="Dinah the Cat"))
    submitted(platform, content.getvalue())
    assert "Dinah the Cat" in everything(both_api)
    an_hour_later(both_api, monkeypatch)

    assert erased(platform).status_code == 200

    assert "Dinah the Cat" not in everything(both_api)


def test_what_was_encrypted_for_an_account_reads_erased_in_the_audit_trail(
    api: Api, platform: Platform
) -> None:
    track_id = submitted(platform, sound(71))
    address = f"/v1/audit?subject={track_id}&type=clearance.track.submitted"
    (before,) = platform.http.get(address).json()["items"]
    assert len(before["data"]["declaration_sha256"]) == 64
    assert before["erased"] == []

    erased(platform)

    (after,) = platform.http.get(address).json()["items"]
    assert after["data"]["declaration_sha256"] == "erased"
    assert after["erased"] == ["declaration_sha256"]
    assert "erased" in platform.http.get(f"/v1/tracks/{track_id}/events").text


def test_a_decision_that_was_erased_is_not_replayed(api: Api, platform: Platform) -> None:
    track_id = submitted(platform, sound(71))
    replay = f"/v1/tracks/{track_id}/decision/replay"
    assert platform.http.get(replay).json()["same"] is True

    erased(platform)

    for address in (replay, f"/v1/tracks/{track_id}/explanation?threshold=0.1"):
        answer = platform.http.get(address)
        assert (answer.status_code, problem(answer)) == (410, "erased")
        assert answer.json()["detail"] == "not replayable: erased"
    assert platform.http.get(f"/v1/tracks/{track_id}/explanation").status_code == 200


def test_bytes_go_with_their_last_holder_and_others_matches_stay(
    both_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = both_api.platform()
    shared, own = sound(72, 8), sound(73)
    reference = platform.reference(sound(72, 12))["id"]
    track_id = submitted(platform, shared)
    other = submitted(platform, shared, account="the queen", external_id="croquet", lyrics="off")
    alone = submitted(platform, own)
    an_hour_later(both_api, monkeypatch)
    with both_api.service.database.reading() as session:
        digests = {each: session.get_one(Track, each).sha256 for each in (track_id, other, alone)}
    before = blobs(both_api, platform)
    assert {digests[track_id], digests[alone]} <= before

    assert erased(platform).status_code == 200

    after = blobs(both_api, platform)
    assert digests[other] in after
    assert digests[alone] not in after
    assert platform.http.get(f"/v1/tracks/{other}/audio").status_code == 200
    assert platform.http.get(f"/v1/references/{reference}").json()["status"] == "active"
    with both_api.service.database.reading() as session:
        matched = session.exec(select(TrackMatch.track_id)).all()
        assert session.exec(select(BlobRelease)).all() == []
    assert {track_id, other} <= set(matched)
    assert erased(platform, "the queen").status_code == 200
    assert digests[other] not in blobs(both_api, platform)


def test_bytes_that_just_came_wait_for_the_next_sweep(
    api: Api, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted(platform, sound(71))
    erased(platform)
    assert blobs(api, platform)
    an_hour_later(api, monkeypatch)

    swept = sweeper.sweep(api.service)

    assert swept.blobs == 2
    assert blobs(api, platform) == set()
    assert sweeper.sweep(api.service) == sweeper.Swept({}, 0, 0, 0, 0)


def test_an_erasure_names_what_it_has_seen(api: Api, platform: Platform) -> None:
    submitted(platform, sound(71))
    seen = platform.http.get("/v1/accounts/wonderland-7")
    assert (seen.json()["tracks"], seen.headers["ETag"]) == (1, '"2"')
    assert problem(platform.http.delete("/v1/accounts/wonderland-7")) == "precondition-required"
    submitted(platform, sound(73))
    assert problem(erased(platform, match='"2"')) == "precondition-failed"
    assert erased(platform, match='"3"').status_code == 200


def test_a_hold_is_told_with_its_basis_and_end_and_keeps_everything(
    both_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = both_api.platform()
    track_id = submitted(platform, sound(71))
    before = everything(both_api)
    until = datetime(2199, 1, 1, tzinfo=UTC)
    hold = holds.place(
        both_api.service, acting(platform), "track", track_id, "LG Berlin 15 O 1/26", until
    )

    answer = erased(platform)

    assert (answer.status_code, problem(answer)) == (409, "legal-hold")
    assert "LG Berlin 15 O 1/26" in answer.json()["detail"]
    assert "2199-01-01" in answer.json()["detail"]
    shown = platform.http.get("/v1/accounts/wonderland-7").json()["holds"]
    assert [each["basis"] for each in shown] == ["LG Berlin 15 O 1/26"]
    assert all(secret in everything(both_api) for secret in SECRETS if secret in before)
    holds.lift(both_api.service, acting(platform), hold.id)
    assert erased(platform).status_code == 200


def test_a_hold_that_ran_out_keeps_nothing(
    api: Api, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    track_id = submitted(platform, sound(71))
    soon = utc_now() + timedelta(minutes=5)
    holds.place(api.service, acting(platform), "track", track_id, "a claim", soon)
    an_hour_later(api, monkeypatch)
    assert erased(platform).status_code == 200


def test_who_comes_back_after_an_erasure_is_somebody_new(api: Api, platform: Platform) -> None:
    submitted(platform, sound(71))
    first = platform.http.get("/v1/accounts/wonderland-7").json()["id"]
    erased(platform)
    submitted(platform, sound(71))
    again = platform.http.get("/v1/accounts/wonderland-7").json()
    assert (again["tracks"], again["id"] != first) == (1, True)


def test_the_archive_holds_everything_of_the_account_and_of_nobody_else(both_api: Api) -> None:
    one, two = both_api.platform("one"), both_api.platform("two")
    own, content = submitted(one, sound(71)), sound(71)
    other = submitted(one, sound(73), account="the queen", lyrics="off with their heads")
    foreign = submitted(two, sound(74), lyrics="of another platform")

    answer = one.http.get("/v1/accounts/wonderland-7/data")

    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
        files = {name: archive.read(name) for name in names}
    assert files[f"audio/{own}.wav"] == content
    assert {"README.txt", "index.json", "journal.json", "tables/track.json"} <= names
    assert b"wonderland-7" in files["README.txt"]
    (track,) = json.loads(files["tables/track.json"])
    assert (track["id"], track["file_name"]) == (own, "hatter.wav")
    (submission,) = json.loads(files["tables/submission.json"])
    assert submission["declaration"]["lyrics"] == "down the rabbit hole"
    journal = json.loads(files["journal.json"])
    assert len(journal[0]["data"]["declaration_sha256"]) == 64
    assert json.loads(files["tables/policy_decision.json"])[0]["facts"]
    whole = b"".join(files.values())
    for stranger in (other, foreign, "off with their heads", "of another platform"):
        assert stranger.encode() not in whole
    assert all(not name.endswith(f"{other}.wav") for name in names)


def test_another_platforms_account_and_an_unknown_one_read_the_same(api: Api) -> None:
    one, two = api.platform("one"), api.platform("two")
    submitted(two, sound(71))
    for method, address in (
        ("GET", "/v1/accounts/{}"),
        ("GET", "/v1/accounts/{}/data"),
        ("DELETE", "/v1/accounts/{}"),
    ):
        answers = [
            one.http.request(method, address.format(name)) for name in ("wonderland-7", "nobody")
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].json()["detail"] == answers[1].json()["detail"]
    reader = api.scoped(two, "tracks:read", "tracks:write")
    assert problem(reader.get("/v1/accounts/wonderland-7/data")) == "forbidden"


def test_a_restored_backup_brings_nobody_back(
    make_api: MakeApi, database_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = make_api(database_url=database_url)
    platform = api.platform()
    track_id = submitted(platform, sound(71))
    seal_batch(api.service.database)
    backup = copied(api)
    erased(platform)

    restore(api, backup)
    assert all(secret in everything(api) for secret in SECRETS)
    an_hour_later(api, monkeypatch)
    assert erasure.reapply(api.service) == 1

    left = everything(api)
    assert [secret for secret in SECRETS if secret in left] == []
    seal_batch(api.service.database)
    with api.service.database.reading() as session:
        assert audit.verify(session).whole
        assert session.get_one(Track, track_id).state == "withdrawn"
    shown = platform.http.get(f"/v1/audit?subject={track_id}").text
    assert '"declaration_sha256":"erased"' in shown.replace(" ", "")
    assert blobs(api, platform) == set()
    assert erasure.reapply(api.service) == 0


def copied(api: Api) -> dict[str, list[dict[str, Any]]]:
    """A backup of the database: the rows of every table."""
    with api.service.database.reading() as session:
        return {
            table.name: [dict(row._mapping) for row in session.execute(table.select())]
            for table in SQLModel.metadata.sorted_tables
        }


def restore(api: Api, backup: dict[str, list[dict[str, Any]]]) -> None:
    """Put the rows of a backup in the place of those that are there, past the triggers."""
    database = api.service.database
    append_only = {"journal", "journal_seals"}
    with database.transaction() as session:
        for table in reversed(SQLModel.metadata.sorted_tables):
            if table.name not in append_only:
                session.execute(table.delete())
            elif database.is_sqlite:
                session.execute(text(f"DROP TRIGGER {table.name}_no_delete"))
                session.execute(table.delete())
            else:
                session.execute(text(f"ALTER TABLE {table.name} DISABLE TRIGGER USER"))
                session.execute(table.delete())
        for table in SQLModel.metadata.sorted_tables:
            if backup[table.name]:
                session.execute(table.insert(), backup[table.name])


def test_what_a_person_said_goes_with_the_account(api: Api, platform: Platform) -> None:
    platform.reference(sound(75, 12), policy="monetise")
    track_id = submitted(platform, sound(75, 8))
    words = "My name is Alice Liddell"
    platform.http.post(f"/v1/tracks/{track_id}/human-review", json={"statement": words})
    assert words in everything(api)
    erased(platform)
    assert words not in everything(api)
    assert api.count(Case, col(Case.closed_at).is_(None)) == 0


def test_messages_about_an_erased_track_are_gone(api: Api, platform: Platform) -> None:
    platform.http.post("/v1/webhooks", json={"url": "https://a.example.com/", "events": ["*"]})
    submitted(platform, sound(71))
    assert api.count(WebhookDelivery) > 0
    erased(platform)
    assert api.count(WebhookDelivery) == 0
    assert api.count(JournalRow, JournalRow.type == "clearance.track.withdrawn") == 1


def test_holds_are_placed_listed_and_lifted_by_their_platform_only(api: Api) -> None:
    one, two = api.platform("one"), api.platform("two")
    caller = acting(one)
    account = casework.account(api.service, caller, "ana")
    wanted = {"kind": "account", "id": account.id, "basis": "case 4"}

    for body in ({**wanted, "kind": "rumour"}, {**wanted, "until": "2020-01-01T00:00:00Z"}):
        assert problem(one.http.post("/v1/holds", json=body)) == "bad-fields"
    assert problem(two.http.post("/v1/holds", json=wanted)) == "not-found"
    placed = one.http.post("/v1/holds", json=wanted)
    assert placed.status_code == 201, placed.text
    address = placed.headers["Location"]

    assert problem(erased(one, "ana")) == "legal-hold"
    assert [each["basis"] for each in one.http.get("/v1/holds").json()["items"]] == ["case 4"]
    assert two.http.get("/v1/holds").json()["items"] == []
    assert problem(two.http.get(address)) == "not-found"
    assert problem(two.http.delete(address, headers={"If-Match": "*"})) == "not-found"
    assert problem(one.http.delete(address)) == "precondition-required"
    assert one.http.delete(address, headers={"If-Match": '"1"'}).status_code == 204
    assert one.http.get(address).json()["lifted_at"] is not None
    types = [row.type for row in api.journal(one, "clearance.legal_hold.placed")]
    assert len(types) == 1
    assert erased(one, "ana").status_code == 200
