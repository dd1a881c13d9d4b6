"""Files that anybody may send to have them looked at: received, looked at, forgotten."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from scanner import uploads
from scanner.callers import Caller
from scanner.problems import HttpError
from scanner.routing import media_type_of
from scanner.service import Service

OPEN: Final[list[dict[str, list[str]]]] = [{}, {"ApiKey": []}]
"""A key is optional."""
BODY: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary", "description": "The audio."}
                },
            }
        }
    },
}
PROBLEMS: Final = (
    "malformed-multipart",
    "upload-timeout",
    "too-large",
    "unsupported-media-type",
    "bad-fields",
    "empty-file",
    "not-audio",
    "unreadable-audio",
    "busy",
)

T = TypeVar("T")


async def looked_at(
    request: Request,
    caller: Caller | None,
    service: Service,
    look: Callable[[Path, str | None], T],
) -> T:
    """Receive a file and give what a look at it gives, in a slot of the caller's kind.

    Parameters
    ----------
    look : callable
        Takes the file's path and the caller's tenant, None without a key.

    Raises
    ------
    HttpError
        If the body is no form with a file, or too large: without a key less is taken.
    BusyError
        If all slots are taken.
    """
    if media_type_of(request) != "multipart/form-data":
        raise HttpError("unsupported-media-type", "send multipart/form-data with a file")
    settings, form = service.settings, uploads.Form()
    most = settings.public_upload_bytes if caller is None else settings.max_upload_bytes
    async with uploads.kept_open() as stack:
        await uploads.receive(
            request,
            form,
            max_file_bytes=min(most, settings.max_upload_bytes),
            max_field_bytes=settings.max_body_bytes,
            open_sink=lambda _: stack.enter_context(uploads.spooled(settings)),
        )
        if form.upload is None or not isinstance(form.upload.sink, uploads.Spool):
            told: list[dict[str, Any]] = [{"field": "file", "detail": "send a file"}]
            raise HttpError("bad-fields", "file: send a file", errors=told)
        path = form.upload.sink.finish()

        def work() -> T:
            with service.public_slots if caller is None else service.precheck_slots:
                return look(path, None if caller is None else caller.tenant_id)

        return await run_in_threadpool(work)
