"""Who asks about claims, disputes and rights: callers by the scopes of contesting and of rights."""

from typing import Annotated, Any, Final

from fastapi import Depends, Request, Security
from starlette.concurrency import run_in_threadpool

from scanner import evidence, uploads
from scanner.callers import Caller
from scanner.declarations import DeclarationError
from scanner.dependencies import AnyCaller, Holding
from scanner.errors import ForbiddenError
from scanner.journal import Actor
from scanner.problems import HttpError
from scanner.replays import Answer
from scanner.routing import media_type_of
from scanner.service import Service

_contest_read, _contest_write = Holding("contest:read"), Holding("contest:write")
_rights_read, _rights_write = Holding("rights:read"), Holding("rights:write")

ContestReader = Annotated[Caller, Security(_contest_read)]
ContestWriter = Annotated[Caller, Security(_contest_write)]
RightsReader = Annotated[Caller, Security(_rights_read)]
RightsWriter = Annotated[Caller, Security(_rights_write)]


def holder_verifier(caller: AnyCaller) -> Caller:
    """Return who may say that a holder is who they say they are: by the scope of rights, or by that of who decides cases."""
    if not caller.scopes & {"rights:write", "cases:decide"}:
        raise ForbiddenError(
            "this key lacks the scopes rights:write and cases:decide; one is needed"
        )
    return caller


HolderVerifier = Annotated[Caller, Depends(holder_verifier)]

POSTED: Final[Any] = (
    "malformed-json",
    "unsupported-media-type",
    "bad-fields",
    "in-progress",
    "idempotency-conflict",
)
FILED: Final[Any] = (
    "not-found",
    "malformed-multipart",
    "upload-timeout",
    "too-large",
    "unsupported-media-type",
    "bad-fields",
    "empty-file",
)
FILE_BODY: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "string", "format": "binary"}},
            }
        }
    },
}


async def received(
    request: Request, service: Service, caller: Caller, matter: tuple[str, str]
) -> Answer:
    """Receive a file and keep it as evidence of a matter.

    Raises
    ------
    HttpError, DeclarationError
        If it is no form, too large, or not of a type that is taken.
    """
    if media_type_of(request) != "multipart/form-data":
        raise HttpError("unsupported-media-type", "send multipart/form-data with a file")
    form, kinds = uploads.Form(), list[str]()
    async with uploads.kept_open() as stack:
        await uploads.receive(
            request,
            form,
            max_file_bytes=evidence.MAX_BYTES,
            max_field_bytes=service.settings.max_body_bytes,
            open_sink=lambda _: stack.enter_context(uploads.spooled(service.settings)),
            check=lambda head: kinds.append(evidence.media_type(head)),
        )
        upload = form.upload
        if upload is None or not isinstance(upload.sink, uploads.Spool):
            raise DeclarationError([{"field": "file", "detail": "send a file"}])
        path = upload.sink.finish()

        def work() -> Answer:
            blob = service.store.put_file(caller.tenant_id, path)
            by = Actor(caller.actor.id, caller.actor.role)
            row = evidence.add(service, caller.tenant_id, matter, by, upload.name, kinds[0], blob)
            return Answer(201, evidence.describe(row))

        return await run_in_threadpool(work)
