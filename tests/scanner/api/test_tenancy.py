"""Two platforms on one service: nothing of one is seen, changed or guessed by the other."""

import re
from dataclasses import dataclass
from functools import partial

import httpx
from sqlmodel import select

from scanner import keys, webhooks
from scanner.bus import dead_letters
from scanner.clock import new_id
from scanner.inline import drive
from scanner.journal import event_of
from scanner.tables import Bank, EntryLink, Holder, Notice, PolicyPack, Rescan, Stream
from tests.scanner.api.conftest import Api, Platform, problem, sound
from tests.scanner.api.test_access_matrix import PUBLIC, table
from tests.taken import add_take


@dataclass
class Belongings:
    track: str
    reference: str
    webhook: str
    delivery: str
    letter: str
    case: str
    key: str
    consent: str
    generation: str
    take: str


def settle(api: Api, platform: Platform, seed: int) -> Belongings:
    """Give a platform one of everything."""
    recording = sound(seed, 8)
    reference = platform.reference(recording, title=f"Song {seed}", policy="block")["id"]
    hook = platform.http.post(
        "/v1/webhooks", json={"url": "https://hooks.example.com/a", "events": ["*"]}
    ).json()["id"]
    track = platform.submit(recording, external_id=f"track-{seed}")
    drive(api.service, track)
    event = event_of(api.journal(platform, "clearance.track.submitted")[0])
    letter = dead_letters.bury(api.service, "notify", event, ValueError("poison"), 3)
    with api.service.database.reading() as session:
        (delivery, *_) = webhooks.deliveries(session, platform.tenant.id, hook, limit=1)
    account = f"kid-{seed}"
    asked = {"guardian": "p", "scopes": ["publish"], "text": "May they?", "text_version": "1"}
    consent = platform.http.post(f"/v1/accounts/{account}/consents", json=asked).json()["id"]
    generation = platform.http.post("/v1/generations", json={"prompt": "a waltz"}).json()["id"]
    cases = platform.http.get("/v1/cases").json()["items"]
    return Belongings(
        track=track,
        reference=reference,
        webhook=hook,
        delivery=delivery.id,
        letter=letter.id,
        case=cases[0]["id"] if cases else new_id(),
        key=platform.http.get("/v1/keys").json()["items"][0]["id"],
        consent=f"{account}/consents/{consent}",
        generation=generation,
        take=add_take(api.service, platform.tenant.id, account).id,
    )


TABLES = {
    "bank_id": Bank,
    "holder_id": Holder,
    "link_id": EntryLink,
    "notice_id": Notice,
    "policy_id": PolicyPack,
    "rescan_id": Rescan,
    "stream_id": Stream,
}
LISTS = ["takes", "tracks", "references", "webhooks", "cases", "audit", "keys", "dead"]
ADDRESSES = [
    ("GET", "/v1/tracks/{track}"),
    ("GET", "/v1/tracks/{track}/analysis"),
    ("GET", "/v1/tracks/{track}/decision"),
    ("GET", "/v1/tracks/{track}/audio"),
    ("GET", "/v1/tracks/{track}/events"),
    ("GET", "/v1/tracks/{track}/files"),
    ("GET", "/v1/tracks/{track}/stems"),
    ("GET", "/v1/tracks/{track}/timeline"),
    ("GET", "/v1/tracks/{track}/bundle"),
    ("GET", "/v1/tracks/{track}/stems/bass/audio"),
    ("POST", "/v1/tracks/{track}/publication"),
    ("DELETE", "/v1/tracks/{track}/publication"),
    ("DELETE", "/v1/tracks/{track}"),
    ("POST", "/v1/tracks/{track}/rescan"),
    ("POST", "/v1/tracks/{track}/human-review"),
    ("GET", "/v1/tracks/{track}/decision/replay"),
    ("GET", "/v1/references/{reference}"),
    ("PATCH", "/v1/references/{reference}"),
    ("DELETE", "/v1/references/{reference}"),
    ("GET", "/v1/webhooks/{webhook}"),
    ("DELETE", "/v1/webhooks/{webhook}"),
    ("GET", "/v1/webhooks/{webhook}/deliveries"),
    ("POST", "/v1/webhooks/{webhook}/deliveries/{delivery}/redeliver"),
    ("GET", "/v1/cases/{case}"),
    ("GET", "/v1/dead/{letter}"),
    ("POST", "/v1/dead/{letter}/replay"),
    ("GET", "/v1/keys/{key}"),
    ("DELETE", "/v1/keys/{key}"),
    ("GET", "/v1/generations/{generation}"),
    ("POST", "/v1/generations/{generation}/away"),
    ("GET", "/v1/takes/{take}"),
    ("GET", "/v1/takes/{take}/tree"),
    ("GET", "/v1/takes/{take}/files/mix.flac"),
    ("POST", "/v1/takes/{take}/variations"),
    ("POST", "/v1/takes/{take}/current"),
    ("PUT", "/v1/takes/{take}/sharing"),
    ("DELETE", "/v1/takes/{take}/sharing"),
    ("PUT", "/v1/takes/{take}/contributors/ana"),
    ("DELETE", "/v1/takes/{take}/contributors/ana"),
    ("GET", "/v1/accounts/{consent}"),
    ("POST", "/v1/accounts/{consent}/grant"),
    ("POST", "/v1/accounts/{consent}/withdraw"),
]


def told(answer: httpx.Response) -> dict[str, object]:
    """A problem without its incident id."""
    return {name: value for name, value in answer.json().items() if name != "instance"}


def test_platforms_see_nothing_of_each_other(both_api: Api) -> None:
    one, two = both_api.platform("one"), both_api.platform("two")
    own, foreign = settle(both_api, one, 1), settle(both_api, two, 2)
    unknown = Belongings(*(new_id() for _ in range(10)))
    unknown.consent = f"kid-3/consents/{new_id()}"

    for name in LISTS:
        mine = {item["id"] for item in one.http.get(f"/v1/{name}?limit=200").json()["items"]}
        theirs = {item["id"] for item in two.http.get(f"/v1/{name}?limit=200").json()["items"]}
        assert mine, name
        assert theirs, name
        assert not mine & theirs, name
        assert two.tenant.id not in one.http.get(f"/v1/{name}?limit=200").text

    for method, address in ADDRESSES:
        # Neither If-Match nor a body is right: the 404 comes first, and reads the same.
        answers = [
            one.http.request(
                method,
                address.format(**vars(belongings)),
                content=b"{",
                headers={"Content-Type": "application/json"},
            )
            for belongings in (foreign, unknown)
        ]
        assert [answer.status_code for answer in answers] == [404, 404], address
        assert told(answers[0]) == told(answers[1]), address

    for method, address in ADDRESSES[:5]:
        assert one.http.request(method, address.format(**vars(own))).status_code == 200
    assert two.http.get(f"/v1/tracks/{foreign.track}").json()["state"] == "quarantined"
    assert two.http.get(f"/v1/keys/{foreign.key}").json()["revoked_at"] is None
    assert two.http.get(f"/v1/dead/{foreign.letter}").json()["state"] == "dead"


def test_no_kind_of_key_opens_what_is_another_platforms(api: Api) -> None:
    one, two = api.platform("one"), api.platform("two")
    own = settle(api, one, 1)
    for path, body in (
        ("/v1/streams", {"url": "https://a.example.com/live", "name": "s"}),
        ("/v1/accounts/kid-1/links", {}),
        ("/v1/notices", {"form": "dmca", "elements": {}}),
        ("/v1/rescans", {}),
        ("/v1/holders", {"name": "A label"}),
    ):
        assert one.http.post(path, json=body).status_code == 201, path
    with api.service.database.reading() as session:
        ids = {
            param: session.exec(select(kind.id).where(kind.tenant_id == one.tenant.id)).first()
            for param, kind in TABLES.items()
        }
    ids |= {f"{name}_id": id_ for name, id_ in vars(own).items()} | {"account": "kid-1"}
    ids["consent_id"] = own.consent.rpartition("/")[2]
    assert all(ids.values()), ids
    label = two.http.post("/v1/holders", json={"name": "Another label"}).json()["id"]
    user, _ = keys.create_user(api.service, "r@two.example", "reviewer", tenant_id=two.tenant.id)
    make = partial(keys.create_key, api.service, two.tenant.id, "theirs")
    clients = {
        "platform": two.http,
        "holder": api.client(make(holder_id=label)[1]),
        "reviewer": api.client(make(user=user.email)[1]),
    }
    opened, asked, seen = [], 0, 0
    for (path, method), needs in sorted(table().items()):
        params = re.findall(r"{([^}]*)}", path)
        if PUBLIC in needs or not {*params} <= {*ids} or params in ([], ["account"]):
            continue
        address = path.format(**ids)
        body = {} if method in ("GET", "DELETE") else {"json": {}}
        for who, client in clients.items():
            asked += 1
            with client.stream(method, address, headers={"If-Match": "*"}, **body) as answer:
                if answer.status_code not in (403, 404, 422):
                    opened.append(f"{who}: {method} {path}: {answer.status_code}")
        if method == "GET":
            with one.http.stream(method, address) as answer:
                seen += answer.status_code == 200
    assert opened == []
    assert (asked > 200, seen > 25) == (True, True), (asked, seen)


def test_a_reference_of_one_platform_matches_no_track_of_another(both_api: Api) -> None:
    one, two = both_api.platform("one"), both_api.platform("two")
    recording = sound(4, 8)
    one.reference(recording, policy="block")

    decisions = {
        platform.tenant.name: platform.http.get(f"/v1/tracks/{platform.decided(recording)}").json()[
            "decision"
        ]
        for platform in (one, two)
    }

    assert decisions == {"one": "review", "two": "clear"}


def test_idempotency_keys_and_files_of_platforms_are_their_own(
    both_api: Api, wav: bytes, other_wav: bytes
) -> None:
    one, two = both_api.platform("one"), both_api.platform("two")

    first, second = one.submit(wav, key="k"), two.submit(other_wav, key="k")
    two.submit(wav, key="k2")

    assert first != second
    assert len(both_api.files()) == 3  # the same bytes, once for each platform


def test_a_cursor_of_one_platform_shows_another_its_own_list_only(
    both_api: Api, wav: bytes
) -> None:
    one, two = both_api.platform("one"), both_api.platform("two")
    ids = {two.submit(wav) for _ in range(3)}
    for _ in range(3):
        one.submit(wav)

    cursor = one.http.get("/v1/tracks?limit=1").json()["next_cursor"]
    page = two.http.get("/v1/tracks", params={"cursor": cursor}).json()

    assert {item["id"] for item in page["items"]} <= ids


def test_a_sandbox_is_a_platform_of_its_own_and_says_so(both_api: Api, wav: bytes) -> None:
    live = both_api.platform("one")
    sandbox = both_api.platform("one", sandbox_of=live)
    assert sandbox.token.startswith("clr_test_")

    track_id = sandbox.submit(wav, key="k")
    live_id = live.submit(wav, key="k")

    drive(both_api.service, track_id)
    shown = sandbox.http.get(f"/v1/tracks/{track_id}").json()
    assert (shown["sandbox"], shown["decision"]) == (True, "clear")
    assert sandbox.http.get("/v1/tracks").json()["sandbox"] is True
    assert '"sandbox": true' in sandbox.http.get(f"/v1/tracks/{track_id}/events").text
    missing = sandbox.http.get(f"/v1/tracks/{live_id}")
    assert (problem(missing), missing.json()["sandbox"]) == ("not-found", True)
    assert live.http.get(f"/v1/tracks/{track_id}").status_code == 404
    assert "sandbox" not in live.http.get(f"/v1/tracks/{live_id}").json()


def test_the_keys_of_a_sandbox_belong_to_its_platform(both_api: Api) -> None:
    live = both_api.platform("one")
    sandbox = both_api.platform("one", sandbox_of=live)

    kinds = {item["kind"] for item in live.http.get("/v1/keys").json()["items"]}
    within = {item["kind"] for item in sandbox.http.get("/v1/keys").json()["items"]}
    made = sandbox.http.post("/v1/keys", json={"name": "n", "scopes": ["tracks:read"]}).json()

    assert (kinds, within) == ({"live", "test"}, {"test"})
    assert made["key"].startswith("clr_test_")


def test_nonsense_for_an_id_is_an_unknown_id(both_api: Api) -> None:
    client = both_api.platform().http
    for id_ in ("x", "%00", "0" * 500, "../../etc/passwd", "é", "00000000"):
        answer = client.get(f"/v1/tracks/{id_}")
        assert (answer.status_code, problem(answer)) in {(404, "not-found"), (400, "bad-request")}
