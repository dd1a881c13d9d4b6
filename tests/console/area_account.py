"""My account, and setting a password by a link."""

from typing import TYPE_CHECKING

from scanner import keys

if TYPE_CHECKING:
    from tests.console.conftest import World

OWNERS = set(keys.LOGIN_ROLES)
ANYBODY = {*keys.ROLES, None}
ROUTES: dict[tuple[str, str], set[str | None]] = {
    ("GET", "/account"): OWNERS,
    ("POST", "/account/password"): OWNERS,
    ("POST", "/account/language"): OWNERS,
    ("POST", "/account/sessions/others"): OWNERS,
    ("POST", "/account/sessions/{digest}/end"): OWNERS,
    ("GET", "/login/forgotten"): ANYBODY,
    ("POST", "/login/forgotten"): ANYBODY,
    ("GET", "/password"): ANYBODY,
    ("POST", "/password"): ANYBODY,
    ("POST", "/admin/users/{user_id}/link"): {"admin"},
    ("GET", "/overview"): {"admin"},
    ("POST", "/admin/webhooks"): {"admin"},
    ("POST", "/admin/webhooks/{webhook_id}"): {"admin"},
    ("POST", "/admin/webhooks/{webhook_id}/pause"): {"admin"},
    ("POST", "/admin/webhooks/{webhook_id}/secret"): {"admin"},
    ("POST", "/admin/webhooks/{webhook_id}/test"): {"admin"},
    ("POST", "/admin/webhooks/{webhook_id}/remove"): {"admin"},
}
PAGES: dict[str | None, dict[str, str]] = {
    None: {"account-forgotten": "/login/forgotten", "account-set": "/password"},
    "reviewer": {"account": "/account"},
    "admin": {
        "account-overview": "/overview",
        "account-webhooks": "/admin/webhooks?webhook={webhook_id}",
    },
    "rights_holder": {"account-holder": "/account?done=password"},
}


def fill(world: "World") -> dict[str, str]:
    return {"digest": "0" * 64}
