"""Who may open which page: everything that is not a role's own is refused."""

import re
from typing import Any, Final

import pytest
from sqlmodel import select

from scanner import backtest_runs, flaggers, keys, policies
from scanner.clock import new_id, utc_now
from scanner.console import access
from scanner.console.application import PAGES
from scanner.privacy import holds
from scanner.rollouts import id_of
from scanner.tables import Case, DeadLetter, JournalRow, Webhook
from tests import casework, rollouts
from tests.console.areas import areas
from tests.console.conftest import World, csrf_in
from tests.running import add_tenant

STAFF: Final = {"reviewer", "appeals_officer"}
ANYBODY: Final = {*keys.ROLES, None}
ROUTES: Final[dict[tuple[str, str], set[str | None]]] = {
    ("GET", "/"): ANYBODY,
    ("GET", "/login"): ANYBODY,
    ("POST", "/login"): ANYBODY,
    ("POST", "/logout"): set(keys.ROLES),
    ("POST", "/language"): ANYBODY,
    ("GET", "/check"): ANYBODY,
    ("POST", "/check"): ANYBODY,
    ("GET", "/queue"): STAFF,
    ("GET", "/cases/{case_id}"): STAFF,
    ("GET", "/cases/{case_id}/similarity.png"): STAFF,
    ("GET", "/cases/{case_id}/audio"): STAFF,
    ("GET", "/upload"): {"appeals_officer", "admin"},
    ("POST", "/upload"): {"appeals_officer", "admin"},
    ("GET", "/tracks/{track_id}"): STAFF | {"admin"},
    ("GET", "/tracks/{track_id}/events"): STAFF | {"admin"},
    ("GET", "/tracks/{track_id}/audio"): STAFF | {"admin"},
    ("GET", "/admin/users"): {"admin"},
    ("GET", "/admin/keys"): {"admin"},
    ("POST", "/admin/keys/{key_id}/revoke"): {"admin"},
    ("GET", "/admin/webhooks"): {"admin"},
    ("POST", "/admin/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver"): {"admin"},
    ("GET", "/admin/dead"): {"admin"},
    ("POST", "/admin/dead/{letter_id}/replay"): {"admin"},
    ("POST", "/admin/dead/{letter_id}/drop"): {"admin"},
    ("GET", "/admin/configuration"): {"admin"},
    ("GET", "/audit"): {"auditor"},
    ("GET", "/audit/verify"): {"auditor"},
    ("GET", "/policies"): {"policy_lead"},
    ("GET", "/policies/pack"): {"policy_lead"},
    ("GET", "/policies/compare"): {"policy_lead"},
}
for _area in areas():
    ROUTES |= _area.routes
GUARDED: Final = {route: roles for route, roles in ROUTES.items() if None not in roles}


def served_routes() -> dict[tuple[str, str], Any]:
    return {
        (method, route.path): route
        for module in PAGES
        for route in module.router.routes
        for method in route.methods
    }


def test_every_route_of_the_console_is_in_the_table() -> None:
    assert set(served_routes()) == set(ROUTES)


def test_every_form_needs_its_token_and_every_file_too() -> None:
    def calls(dependant: Any) -> set[Any]:
        return {dependant.call}.union(*(calls(each) for each in dependant.dependencies))

    for (method, path), route in served_routes().items():
        if method == "POST" and path != "/check":  # which keeps nothing, and is for anybody
            assert calls(route.dependant) & {access.posted, access.proved}, path


TRIED_ELSEWHERE: Final = (
    "similarity.png",
    "events",
    "/studio/previews/{preview_id}/audio",
    "/parent/tracks/{track_id}/reference.webm",
    "/studio/made",
)
"""What a role gets there depends on more than an address, or has no end."""
QUERIES: Final = {"/policies/pack": {"id": "pack"}}


@pytest.mark.parametrize("role", [*keys.ROLES, None])
def test_a_role_is_refused_everything_that_is_not_its_own(world: World, role: str | None) -> None:
    with world.http(role) as client:
        csrf = csrf_in(client.get("/check").text)
        for (method, path), roles in GUARDED.items():
            if role in roles and method == "POST":
                continue  # what a role may do is done elsewhere
            address = re.sub(r"\{(\w+)\}", lambda found: world.ids[found[1]], path)
            if role in roles and path.endswith(TRIED_ELSEWHERE):
                continue
            if role == "creator" and path.startswith("/studio/"):
                continue  # another creator's, which reads as unknown: test_studio.py
            answer = client.request(
                method,
                address,
                headers={"X-CSRF-Token": csrf},
                params={name: world.ids[key] for name, key in QUERIES.get(path, {}).items()},
            )
            if role in roles:
                assert answer.status_code == 200, (path, answer.text)
            elif role is None:
                assert (answer.status_code, answer.headers["location"][:6]) == (303, "/login"), path
            else:
                assert answer.status_code == 403, path
                assert "this page is for: " in answer.text


@pytest.fixture(scope="module")
def theirs(world: World) -> dict[str, str]:
    """What another platform has: one of everything that an address can name."""
    service = world.service
    other = add_tenant(service, "Another platform")
    track, now = casework.decided_track(service, other), utc_now()
    case = Case(
        id=new_id(), tenant_id=other.tenant_id, track_id=track.id, kind="review", state="queued",
        priority=0, reasons=[], opened_at=now,
    )  # fmt: skip
    webhook = Webhook(
        id=new_id(), tenant_id=other.tenant_id, url="https://hooks.example.net/in", events=["*"],
        sealed_secret="sealed", created_at=now,
    )  # fmt: skip
    letter = DeadLetter(
        id=new_id(), tenant_id=other.tenant_id, group="analyse", topic="tracks", event_id=new_id(), error="E",
        detail="", attempts=4, state="dead", payload="", created_at=now,
    )  # fmt: skip
    with service.database.transaction() as session:
        session.add_all([case, webhook, letter])
    pack = policies.add(service, other, rollouts.pack_text(33, "theirs"))
    key, _ = keys.create_key(service, other.tenant_id, "theirs")
    user, _ = keys.create_user(service, "eve@two.example", "admin", tenant_id=other.tenant_id)
    return {
        "case": case.id,
        "track": track.id,
        "webhook": webhook.id,
        "letter": letter.id,
        "key": key.id,
        "user": user.id,
        "pack": id_of(pack),
        "run": backtest_runs.ask(service, other, pack, now).id,
        "flagger": flaggers.add(service, other, "Theirs", "t@two.example")[0].id,
        "hold": holds.place(service, other, "track", track.id, "Court file").id,
    }


FOREIGN: Final = {
    "reviewer": ["/cases/{case}", "/cases/{case}/audio", "/cases/{case}/similarity.png", "/tracks/{track}"],
    "admin": [
        "/tracks/{track}",
        "/admin/webhooks?webhook={webhook}",
        "POST /admin/keys/{key}/revoke",
        "POST /admin/dead/{letter}/replay",
        "POST /admin/dead/{letter}/drop",
        "POST /admin/users/{user}",
        "POST /admin/flaggers/{flagger}/remove",
        "POST /admin/holds/{hold}/lift",
    ],
    "policy_lead": ["/policies/pack?id={pack}", "/policies/compare?before={pack}", "/policies/backtests/{run}"],
    "auditor": ["/audit/proofs/{track}"],
}  # fmt: skip


@pytest.mark.parametrize("role", FOREIGN)
def test_another_platforms_things_read_as_unknown(
    world: World, theirs: dict[str, str], role: str
) -> None:
    """The same answer for what another has as for what nobody has."""
    nobodys = dict.fromkeys(theirs, new_id()) | {"pack": "ffffffffffff"}
    with world.http(role) as client:
        csrf = csrf_in(client.get("/check").text)
        for path in FOREIGN[role]:
            told = []
            for ids in (theirs, nobodys):
                method, _, address = path.format_map(ids).rpartition(" ")
                fields = {"csrf": csrf, "version": "1", "disabled": "yes", "reason": "x"}
                answer = client.request(method or "GET", address, data=fields if method else None)
                words = answer.text.split('id="content"')[-1].split("urn:uuid")[0]
                for each in ids.values():
                    words = words.replace(each, "ID")
                told.append((answer.status_code, words))
            assert told[0] == told[1], path
            assert told[0][0] == 404, path


def test_an_admin_puts_a_dead_letter_away_and_says_why(world: World) -> None:
    letter = DeadLetter(
        id=new_id(), tenant_id=world.caller.tenant_id, group="analyse", topic="tracks", event_id=new_id(),
        error="StoreError", detail="", attempts=4, state="dead", payload="", created_at=utc_now(),
    )  # fmt: skip
    letter_id = letter.id
    with world.service.database.transaction() as session:
        session.add(letter)
    with world.http("admin") as client:
        csrf = csrf_in(client.get("/admin/dead").text)
        address = f"/admin/dead/{letter_id}/drop"
        assert client.post(address, data={"csrf": csrf, "reason": " "}).status_code == 422
        assert letter_id in client.get("/admin/dead").text
        assert client.post(address, data={"csrf": csrf, "reason": "a test"}).status_code == 303
        assert letter_id not in client.get("/admin/dead").text
    with world.service.database.reading() as session:
        query = select(JournalRow).where(JournalRow.subject == letter_id)
        (row,) = session.exec(query)
    assert row.data["detail"]["reason"] == "a test"
