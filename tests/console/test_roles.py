"""Who may open which page: everything that is not a role's own is refused."""

import re
from typing import Any, Final

import pytest

from scanner import keys
from scanner.console import access
from scanner.console.application import PAGES
from tests.console.areas import areas
from tests.console.conftest import World, csrf_in

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


@pytest.mark.parametrize("role", [*keys.ROLES, None])
def test_a_role_is_refused_everything_that_is_not_its_own(world: World, role: str | None) -> None:
    with world.http(role) as client:
        csrf = csrf_in(client.get("/check").text)
        for (method, path), roles in GUARDED.items():
            if role in roles and method == "POST":
                continue  # what a role may do is done elsewhere
            address = re.sub(r"\{(\w+)\}", lambda found: world.ids[found[1]], path)
            if role in roles and path.endswith(("similarity.png", "events")):
                continue
            answer = client.request(
                method,
                address,
                headers={"X-CSRF-Token": csrf},
                params={"id": world.ids["pack"]} if path.endswith("/pack") else None,
            )
            if role in roles:
                assert answer.status_code == 200, (path, answer.text)
            elif role is None:
                assert (answer.status_code, answer.headers["location"][:6]) == (303, "/login"), path
            else:
                assert answer.status_code == 403, path
                assert "this page is for: " in answer.text


@pytest.mark.parametrize("role", ["reviewer", "admin", "policy_lead", "auditor"])
def test_another_platforms_things_read_as_unknown(world: World, role: str) -> None:
    """The same answer for what another has as for what nobody has."""
    from scanner.clock import new_id

    unknown = new_id()
    paths = {
        "reviewer": [f"/cases/{unknown}", f"/cases/{unknown}/audio", f"/tracks/{unknown}"],
        "admin": [f"/tracks/{unknown}", f"/admin/webhooks?webhook={unknown}"],
        "policy_lead": ["/policies/pack?id=ffffffffffff"],
        "auditor": [],
    }[role]
    with world.http(role) as client:
        for path in paths:
            assert client.get(path).status_code == 404, path
