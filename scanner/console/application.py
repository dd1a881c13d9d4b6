"""Mounts the console in the application: its pages and its static files."""

from typing import Final

from fastapi import APIRouter, FastAPI
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

from scanner.console.pages import (
    account,
    account_passwords,
    admin_overview,
    admin_webhooks,
    administration,
    auditing,
    cases,
    creator_changes,
    creator_contests,
    creator_data,
    creator_entry,
    creator_matters,
    creator_parents,
    creator_presumed,
    creator_tracks,
    holder_catalogue,
    holder_imports,
    holder_matters,
    holder_notices,
    holder_presumed,
    holder_public,
    lead_admin,
    lead_audit,
    lead_dashboards,
    lead_packs,
    lead_strikes,
    logins,
    officer_appeals,
    packs,
    provider_login,
    review_actions,
    review_bulk,
    review_care,
    review_keys,
    review_pictures,
    review_sound,
    studio_pages,
    tracks,
    verifier,
)
from scanner.console.rendering import STATIC

_YEAR: Final = 365 * 24 * 3600

PAGES: Final = (
    logins,
    cases,
    review_actions,
    review_bulk,
    review_care,
    review_keys,
    review_pictures,
    review_sound,
    tracks,
    administration,
    auditing,
    packs,
    verifier,
    provider_login,
    lead_admin,
    lead_audit,
    lead_dashboards,
    lead_packs,
    lead_strikes,
    admin_overview,
    admin_webhooks,
    account,
    account_passwords,
    holder_catalogue,
    holder_imports,
    holder_matters,
    holder_notices,
    holder_presumed,
    officer_appeals,
    holder_public,
    creator_entry,
    creator_tracks,
    creator_changes,
    creator_contests,
    creator_matters,
    creator_presumed,
    creator_data,
    creator_parents,
    studio_pages,
)
"""The modules of pages, each with its ``router``."""

router = APIRouter(include_in_schema=False)
for _module in PAGES:
    router.include_router(_module.router)


class _Static(StaticFiles):
    """Files whose addresses change with their content, so that a browser may keep them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code == 200:
            response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable"
        return response


def install(app: FastAPI) -> None:
    """Add to an application what the console's pages load; the pages themselves are ``router``'s."""
    app.mount("/static", _Static(directory=STATIC), name="static")
