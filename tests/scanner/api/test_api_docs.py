"""The examples of docs/api.md work as they stand."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from scanner import (
    checkpoints,
    counter_notices,
    flaggers,
    keys,
    provenance,
    tracks,
    watermark_keys,
    webhooks,
)
from scanner.bus import dead_letters
from scanner.bus.relay import seal_batch
from scanner.callers import Caller
from scanner.inline import drive
from scanner.journal import Actor, event_of
from scanner.tables import Reference
from scanner.track_states import State
from tests import casework, cataloguing, claiming, noticed, reviewing
from tests.rollouts import pack_text
from tests.scanner.api.conftest import Api, Platform, sound
from tests.signed_files import signed_file

DOCS = Path(__file__).parents[3] / "docs" / "api.md"
EXAMPLES = re.compile(r"```sh\n(.*?)```", re.DOTALL)
BLOCKS = EXAMPLES.findall(DOCS.read_text())


def signed(api: Api, platform: Platform, folder: Path) -> str:
    """Make a released track with a file that was signed."""
    track_id = platform.decided(sound(66))
    with api.service.database.reading() as session:
        track = tracks.find(session, platform.tenant.id, track_id)
    (folder / "delivery.wav").write_bytes(sound(66))
    made = {"generated": {"model": "songmaker"}}
    facts = provenance.FileFacts(track, made, "wav", "take", api.service.now())
    signed_file(api.service, folder / "delivery.wav", facts)
    return track_id


def ids(api: Api, platform: Platform, folder: Path) -> dict[str, str]:
    """Make one of everything that the examples name."""
    recording = sound(61, 8)
    reference = platform.reference(recording)["id"]
    quarantined = platform.reference(sound(61, 7), holder="Somebody else")
    assert quarantined["status"] == "quarantined"
    other = platform.reference(sound(64, 8))["id"]
    excluded = platform.http.post(
        f"/v1/references/{other}/exclusions", json={"start_s": 1, "end_s": 2}
    ).json()["id"]
    shared = platform.reference(sound(65, 8))["id"]
    with api.service.database.transaction() as session:
        session.get_one(Reference, shared).peer_key = "0" * 64
    bank = platform.http.post("/v1/banks", json={"name": "new"}).json()["id"]
    licensee = platform.http.post("/v1/watermarks/licensees", json={"name": "L"}).json()["id"]
    consent = platform.http.post(
        "/v1/accounts/kid/consents",
        json={"guardian": "p", "scopes": ["generate"], "text": "May they?", "text_version": "1"},
    ).json()
    hook = platform.http.post(
        "/v1/webhooks", json={"url": "https://hooks.example.com/", "events": ["*"]}
    ).json()["id"]
    track = platform.decided(recording)
    generated = released_take(api, platform)
    platform.reference(sound(67, 12), policy="monetise")
    limited = platform.decided(sound(67, 8), account="creator-7")
    held = platform.submit(b"RIFF\x24\x00\x00\x00WAVEfmt " + b"\xff" * 999)
    assert drive(api.service, held) is State.HELD
    event, *_, last = map(event_of, api.journal(platform, "clearance.track.submitted"))
    key, _ = keys.create_key(api.service, platform.tenant.id, "old")
    _, second = keys.create_key(api.service, platform.tenant.id, "approves")
    pack = platform.http.post("/v1/policies", json={"text": pack_text()}).json()["id"]
    reviewed = platform.decided(sound(68))
    everything = Caller(platform.tenant.id, keys.OPERATOR, frozenset())
    open_, late = (
        reviewing.opened(api.service, everything, kind, track_id=reviewed)
        for kind in ("review", "human_review")
    )
    with api.service.database.reading() as session:
        (delivery, *_) = webhooks.deliveries(session, platform.tenant.id, hook, limit=1)
    return noticed_ids(api, platform) | {
        "API": api.url,
        "KEY": platform.token,
        "SECOND_KEY": second,
        "PACK": pack,
        "KEY_ID": key.id,
        "TRACK": track,
        "GENERATED": generated,
        "HELD": held,
        "LIMITED": limited,
        "AMENDMENT": drafted(platform, limited),
        "UNWANTED": drafted(platform, limited),
        "STATEMENT": platform.http.get(f"/v1/tracks/{limited}/statements").json()["items"][0]["id"],
        "ACCOUNT": "creator-7",
        "SIGNED": signed(api, platform, folder),
        "REFERENCE": reference,
        "QUARANTINED": quarantined["id"],
        "OTHER": other,
        "EXCLUSION": excluded,
        "SHARED": shared,
        "BANK": bank,
        "LICENSEE": licensee,
        "CONSENT": consent["id"],
        "STREAM": platform.http.post("/v1/streams", json={"name": "Radio"}).json()["stream_id"],
        "PARENT": consent["token"],
        "GENERATION": platform.http.post("/v1/generations", json={"prompt": "a waltz"}).json()[
            "id"
        ],
        "WEBHOOK": hook,
        "DELIVERY": delivery.id,
        "CASE": platform.http.get("/v1/cases?kind=review").json()["items"][0]["id"],
        "OPEN_CASE": open_.id,
        "LATE_CASE": late.id,
        "REVIEWER_KEY": key_of(api, platform, "rita", "reviewer"),
        "OFFICER_KEY": key_of(api, platform, "olga", "appeals_officer"),
        "LETTER": dead_letters.bury(api.service, "notify", event, ValueError("x"), 1).id,
        "OTHER_LETTER": dead_letters.bury(api.service, "release", last, ValueError("x"), 1).id,
        **contested(api, platform),
        **appealed(api, platform),
    }


def drafted(platform: Platform, track_id: str) -> str:
    """Draft a licence for a track."""
    wanted = {"kind": "licence", "content": {"licensor": "Label", "valid_from": "2026-01-01"}}
    answer = platform.http.post(f"/v1/tracks/{track_id}/amendments", json=wanted)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def appealed(api: Api, platform: Platform) -> dict[str, str]:
    """Tracks that were taken down, appeals, a proposed sanction, a link, a letter, a legal hold."""
    service = api.service
    caller = Caller(platform.tenant.id, Actor("platform", "platform"), frozenset())
    cleo = casework.account(service, caller, "cleo")
    taken = [casework.decided_track(service, caller, account_id=cleo.id).id for _ in range(3)]
    noticed.decided(service, noticed.sent(service, caller, *taken).id)
    for each in taken:
        drive(service, each)
    appeals = [
        platform.http.post("/v1/appeals", json={"track": each, "reason": "It is mine."}).json()[
            "id"
        ]
        for each in taken[1:]
    ]
    sanction = {
        "party": {"kind": "account", "id": cleo.id},
        "what": "uploads",
        "reason": "Copies, again.",
        "factors": {"total": 8, "unfounded": 6, "gravity": "serious", "intent": False},
    }
    proposer = {"Authorization": f"Bearer {key_of(api, platform, 'pia', 'appeals_officer')}"}
    made = [
        platform.http.post("/v1/sanctions", json=sanction | more, headers=proposer).json()["id"]
        for more in ({"kind": "warning"}, {"kind": "suspension", "days": 30})
    ]
    hold = {"kind": "track", "id": taken[0], "basis": "Court file"}
    (letter, *_) = casework.letters(service, recipient_id=cleo.id)
    while seal_batch(service.database):
        pass
    checkpoints.write(service)
    return {
        "TAKEN": taken[0],
        "APPEAL": appeals[0],
        "SECOND_APPEAL": appeals[1],
        "SECOND_OFFICER_KEY": key_of(api, platform, "otto", "appeals_officer"),
        "SANCTION": made[1],
        "CREATOR": "cleo",
        "CREATOR_ID": cleo.id,
        "LINK": platform.http.post("/v1/accounts/cleo/links", json={}).json()["id"],
        "MAIL": letter.id,
        "HOLD": platform.http.post("/v1/holds", json=hold).json()["id"],
        "FLAGGER": flaggers.add(api.service, caller, "Desk", "desk@watch.example")[0].id,
    }


def contested(api: Api, platform: Platform) -> dict[str, str]:
    """Make a holder with claims, disputes and a licence, and the keys of both sides."""
    service = api.service
    caller = keys.authenticate(service, platform.token)
    label = claiming.holder(service, caller)
    song = claiming.reference(service, caller, label)
    claims = [claiming.claimed(service, caller, song)[1] for _ in range(4)]
    said = {"grounds": ["misidentified"], "text": claiming.WORDS, "attestation": claiming.ATTESTED}
    disputed = [
        platform.http.post("/v1/disputes", json=said | {"claim_id": each.id}).json()["id"]
        for each in claims[2:]
    ]
    share = {"holder_id": label.id, "subject": song.id, "right": "recording", "percent": "50"}
    share_id = platform.http.post("/v1/shares", json=share).json()["id"]
    with service.database.transaction() as session:  # it has no fingerprint to search for
        session.get_one(Reference, song.id).status = "retired"
    licence = platform.http.post("/v1/licences", json={"holder_id": label.id}).json()["id"]
    imported = cataloguing.asked(
        service, claiming.of(caller, label), label, b"isrc,policy\nx,block"
    )
    keys.create_user(service, "staff@example.org", "reviewer", "a long password of theirs")
    _, staff = keys.create_key(service, platform.tenant.id, "staff", user="staff@example.org")
    _, theirs = keys.create_key(service, platform.tenant.id, "theirs", holder_id=label.id)
    return {
        "HOLDER": label.id,
        "HOLDER_KEY": theirs,
        "STAFF_KEY": staff,
        "CLAIM": claims[0].id,
        "RELEASED": claims[1].id,
        "DISPUTE": disputed[0],
        "WITHDRAWN": disputed[1],
        "LICENCE": licence,
        "SHARE": share_id,
        "IMPORT": imported,
        "MENDED": platform.decided(sound(68)),
    }


def noticed_ids(api: Api, platform: Platform) -> dict[str, str]:
    """Notices about tracks, one of which took three down, and two counter-notices to it."""
    caller = Caller(platform.tenant.id, Actor("platform", "platform"), frozenset())
    tracks_ = [casework.decided_track(api.service, caller).id for _ in range(3)]
    taken_down = noticed.sent(api.service, caller, *tracks_)
    noticed.decided(api.service, taken_down.id)
    bare = {"form": "dmca", "elements": noticed.DMCA | {"location": tracks_, "accuracy": None}}
    threat = {"form": "threat", "elements": {"reason": "A bomb.", "location": tracks_}}
    counters = [
        counter_notices.file(
            api.service,
            caller,
            taken_down,
            track_id,
            noticed.COUNTER | {"location": [track_id]} | more,
        ).id
        for track_id, more in zip(tracks_[1:], ({"phone": "none"}, {}), strict=True)
    ]
    return {
        "NOTICED": tracks_[0],
        "NOTICE": platform.http.post("/v1/notices", json=bare).json()["id"],
        "THREAT": platform.http.post("/v1/notices", json=threat).json()["id"],
        "TAKEN_DOWN": taken_down.id,
        "COUNTER": counters[0],
        "SECOND_COUNTER": counters[1],
    }


def key_of(api: Api, platform: Platform, name: str, role: str) -> str:
    """Make somebody's login, and a key of theirs."""
    user, _ = keys.create_user(
        api.service, f"{name}@example.org", role, "a long password of theirs"
    )
    return keys.create_key(api.service, platform.tenant.id, name, user=user.email)[1]


def released_take(api: Api, platform: Platform) -> str:
    """Submit what a model made, with one stem, and let it be marked and released."""
    watermark_keys.rotate(api.service, keys.OPERATOR)
    take = sound(66, 20)
    answer = platform.http.post(
        "/v1/tracks",
        headers={"Idempotency-Key": "generated"},
        files=[("file", ("take.wav", take)), ("stems", ("voice.wav", take))],
        data={"generated": '{"model": "composer"}'},
    )
    assert answer.status_code == 202, answer.text
    track_id = str(answer.json()["track_id"])
    assert drive(api.service, track_id) is State.RELEASED
    return track_id


@pytest.mark.skipif(shutil.which("curl") is None, reason="runs curl")
def test_the_documents_examples_work_in_their_order(
    api: Api, platform: Platform, tmp_path: Path
) -> None:
    folder = tmp_path / "examples"
    folder.mkdir()
    (folder / "song.wav").write_bytes(sound(62))
    (folder / "reference.wav").write_bytes(sound(63))
    (folder / "catalogue.csv").write_text("isrc,policy\nUS-RC1-76-07839,track\n")
    environment = {"PATH": os.environ["PATH"], **ids(api, platform, tmp_path)}
    prelude = 'set -eu\ncurl() { command curl --noproxy "*" --fail-with-body -sS "$@"; echo; }\n'

    assert len(BLOCKS) >= 12
    for block in BLOCKS:
        done = subprocess.run(
            ["bash", "-c", prelude + block],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout[-2000:]}\n{done.stderr[-500:]}"
    assert (folder / "part.bin").stat().st_size == 65536


def test_every_address_of_the_api_is_in_an_example(api: Api) -> None:
    pages = DOCS.parent.glob("*.md")  # what needs a page of its own has its examples there
    text = "\n".join(block for page in pages for block in EXAMPLES.findall(page.read_text()))
    paths = api.client().get("/openapi.json").json()["paths"]

    def shown(path: str) -> bool:
        pattern = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
        pattern = re.sub(r"\{[a-z_]+\}", r'[^/?"\\s]+', pattern)
        return re.search(rf'\$API{pattern}[?"]', text) is not None

    assert [path for path in paths if not shown(path)] == []
