"""The page on which anybody checks a file for marks: a form, no script, nothing from elsewhere."""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Final

import jinja2
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from scanner import problems
from scanner.audio import AudioError
from scanner.dependencies import ServiceDep, public
from scanner.errors import ScannerError
from scanner.routes.watermarks import checked_upload
from scanner.routing import Route
from scanner.sentences import clock
from scanner.service import Service
from watermark import WatermarkError

router = APIRouter(route_class=Route, include_in_schema=False)

PAGES: Final = Path(__file__).parent.parent / "pages"
STYLE: Final = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;color:#111;background:#fff;margin:0}"
    "main{max-width:44rem;margin:0 auto;padding:1.5rem}"
    "label{display:block}"
    "button{font:inherit;padding:.4rem 1.2rem}"
    "section{border:2px solid #111;padding:0 1rem 1rem}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;border-bottom:1px solid #767676;padding:.3rem .5rem .3rem 0}"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#111}section{border-color:#eee}}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS: Final = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
HEADINGS: Final = {
    "marked_here": "Marked here",
    "other_mark": "Another service's mark",
    "none_found": "No mark found, which proves nothing",
}


@router.get("/check", response_class=HTMLResponse, dependencies=[Depends(public)])
def read_check_page(service: ServiceDep) -> HTMLResponse:
    """The form."""
    return _page(service)


@router.post("/check", response_class=HTMLResponse, dependencies=[Depends(public)])
async def check_file(request: Request, service: ServiceDep) -> HTMLResponse:
    """The form with what was found; what is wrong with a file is said in words."""
    try:
        result = await checked_upload(request, None, service)
    except (ScannerError, AudioError, WatermarkError) as error:
        members = problems.document(error, request.state.request_id)
        if members["status"] >= 500 and members["status"] != 503:
            raise
        return _page(service, members["status"], problem=members["detail"])
    return _page(service, result=result)


def _page(service: Service, status: int = 200, **values: Any) -> HTMLResponse:
    megabytes = service.settings.public_upload_bytes // 2**20
    content = _template().render(
        style=STYLE, headings=HEADINGS, clock=clock, megabytes=megabytes, **values
    )
    return HTMLResponse(content, status, headers=HEADERS)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(PAGES), autoescape=True)
    return environment.get_template("check.html")
