"""A catalogue's file on its way in: received whole, looked at by its first bytes, kept for the worker."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import rfc8785
from fastapi import Request
from starlette.concurrency import run_in_threadpool

from scanner import uploads
from scanner.callers import Caller
from scanner.catalogue_archives import most_bytes
from scanner.catalogue_imports import Asked, form_of
from scanner.declarations import DeclarationError
from scanner.dependencies import is_id
from scanner.problems import HttpError
from scanner.routing import media_type_of
from scanner.service import Service
from scanner.wording import Told

FIELDS: Final = ("holder_id", "files_of", "dry_run")
YES: Final = frozenset({"true", "yes", "1", "on"})
T = TypeVar("T")


@dataclass(frozen=True)
class Received:
    """A file that lies in a temporary place, and what is asked of it."""

    path: Path
    name: str
    sha256: str
    form: str
    fields: Mapping[str, str]

    @property
    def identity(self) -> str:
        """Digest of all that was sent."""
        return hashlib.sha256(rfc8785.dumps([dict(self.fields), self.sha256])).hexdigest()

    def kept(self, service: Service, caller: Caller) -> Asked:
        """Bring the file into the store.

        Raises
        ------
        DeclarationError
            If it is not said whose catalogue it is.
        """
        holder_id = caller.holder_id or self.fields.get("holder_id", "")
        files_of = self.fields.get("files_of") or None
        wrong = [
            {"field": name, "detail": told}
            for name, value, told in (
                ("holder_id", holder_id, "say whose catalogue it is, by the holder's id"),
                ("files_of", files_of, "give the id of an import that was a ZIP"),
            )
            if (name == "holder_id" or value) and not is_id(value or "")
        ]
        if wrong:
            raise DeclarationError(wrong)
        blob = service.store.put_file(caller.tenant_id, self.path)
        dry_run = self.fields.get("dry_run", "").lower() in YES
        return Asked(holder_id, self.name, blob.sha256, self.form, files_of, dry_run)


async def received(request: Request, service: Service, act: Callable[[Received], T]) -> T:
    """Receive a form with a catalogue's file, and act on it in a thread; the file is gone afterwards.

    Raises
    ------
    HttpError, DeclarationError
        If it is no form, too large, or has other fields.
    """
    if media_type_of(request) != "multipart/form-data":
        raise HttpError("unsupported-media-type", "send multipart/form-data with a file")
    form, kinds = uploads.Form(), list[str]()
    async with uploads.kept_open() as stack:
        await uploads.receive(
            request,
            form,
            max_file_bytes=most_bytes(service.settings),
            max_field_bytes=service.settings.max_body_bytes,
            open_sink=lambda _: stack.enter_context(uploads.spooled(service.settings)),
            check=lambda head: kinds.append(form_of(head)),
        )
        upload = form.upload
        if upload is None or not isinstance(upload.sink, uploads.Spool):
            raise DeclarationError(
                [{"field": "file", "detail": "send a CSV file, a DDEX message or a ZIP"}]
            )
        if unknown := sorted(set(form.fields) - set(FIELDS)):
            told = Told("unknown field; there are: file, %(fields)s", fields=", ".join(FIELDS))
            raise DeclarationError([{"field": unknown[0][:100], "detail": told}])
        fields = {name: values[-1].strip() for name, values in form.fields.items()}
        path = upload.sink.finish()
        got = Received(path, upload.name or "catalogue", upload.sha256, kinds[0], fields)
        return await run_in_threadpool(act, got)
