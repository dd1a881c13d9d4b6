"""The page on which anybody checks a file for marks: it works without a script."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from scanner import problems
from scanner.audio import AudioError
from scanner.console.access import ConsoleRoute, Visiting
from scanner.console.rendering import page
from scanner.dependencies import ServiceDep
from scanner.errors import ScannerError
from scanner.routes.watermarks import checked_upload
from scanner.service import Service
from watermark import WatermarkError

router = APIRouter(route_class=ConsoleRoute, default_response_class=HTMLResponse)
INSIDE: Final = 503
"""Said in words, as a file's own problem is; other failures of the service are not."""


@router.get("/check")
def read_check_page(request: Request, visiting: Visiting, service: ServiceDep) -> Response:
    """The form."""
    return _page(request, service)


@router.post("/check")
async def check_file(request: Request, visiting: Visiting, service: ServiceDep) -> Response:
    """The form with what was found; what is wrong with a file is said in words.

    Nothing is kept and nobody's rights are used, so the form needs no token.
    """
    try:
        result = await checked_upload(request, None, service)
    except (ScannerError, AudioError, WatermarkError) as error:
        members = problems.document(error, request.state.request_id)
        if members["status"] >= 500 and members["status"] != INSIDE:
            raise
        return _page(request, service, members["status"], problem=members["detail"])
    return _page(request, service, result=result)


def _page(
    request: Request,
    service: Service,
    status: int = 200,
    *,
    problem: str | None = None,
    result: dict[str, Any] | None = None,
) -> Response:
    megabytes = service.settings.public_upload_bytes // 2**20
    return page(request, "check.html", status, megabytes=megabytes, problem=problem, result=result)
