"""A reviewer's own keys: changed, refused where two would be the same, and set back."""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from scanner import reviewer_care, reviewer_keys
from scanner.console.access import ConsoleRoute, Posted
from scanner.console.pages.cases import Reader
from scanner.console.rendering import page, redirect
from scanner.dependencies import ServiceDep
from scanner.reviewer_keys import BadKeysError

router = APIRouter(
    prefix="/care/keys", route_class=ConsoleRoute, default_response_class=HTMLResponse
)
_PREFIX: Final = "key-"


@router.get("")
def read_keys(
    request: Request, identity: Reader, service: ServiceDep, saved: bool = False
) -> Response:
    """The form, with the keys as they are."""
    with service.database.reading() as session:
        wish = reviewer_care.wishes(session, str(identity.caller.user_id), service.now())
    keys = reviewer_keys.of(wish.keys)
    return page(
        request, "review_keys.html", hotkeys=keys, typed=_named(keys), wrong={}, saved=saved
    )


@router.post("")
def change_keys(request: Request, identity: Reader, service: ServiceDep, form: Posted) -> Response:
    """Keep all of them, or say which can't be."""
    typed = {
        action: form.get(_PREFIX + action, name)
        for action, name in _named(reviewer_keys.DEFAULTS).items()
    }
    try:
        reviewer_keys.ask(service, identity.caller, typed)
    except BadKeysError as error:
        with service.database.reading() as session:
            wish = reviewer_care.wishes(session, str(identity.caller.user_id), service.now())
        keys = reviewer_keys.of(wish.keys)
        return page(
            request,
            "review_keys.html",
            422,
            hotkeys=keys,
            typed=typed,
            wrong=error.wrong,
            saved=False,
        )
    return redirect(request, "/care/keys?saved=true")


@router.post("/reset")
def reset_keys(request: Request, identity: Reader, service: ServiceDep, form: Posted) -> Response:
    """Give the default keys again."""
    reviewer_keys.reset(service, identity.caller)
    return redirect(request, "/care/keys?saved=true")


def _named(keys: Mapping[str, str]) -> dict[str, str]:
    return {action: reviewer_keys.SPACE if key == " " else key for action, key in keys.items()}
