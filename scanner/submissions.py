"""Submissions by HTTP: a form or JSON in; a track accepted, a precheck answered, or a refusal.

A refusal leaves nothing but a record in the journal; a precheck leaves nothing but a counter.
"""

import hashlib
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

from fastapi import HTTPException, Request
from starlette.concurrency import run_in_threadpool

from fingerprint import Fingerprint, InvalidFingerprintError
from scanner import tracks, uploads
from scanner.audio import SNIFF_BYTES, AudioError, sniff
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.declarations import Declaration, DeclarationError
from scanner.errors import IdempotencyConflictError
from scanner.events import SubmissionRefused
from scanner.fetch import FetchLimits, fetch
from scanner.journal import record
from scanner.limits import BackPressure
from scanner.metrics import SUBMISSIONS
from scanner.precheck import precheck
from scanner.problems import MALFORMED, HttpError, name_of
from scanner.routing import StrictRequest, media_type_of
from scanner.settings import Settings
from scanner.store import BlobWriter
from scanner.tables import IdempotencyKey
from scanner.tracks import Source
from scanner.url_guard import UrlRefusedError
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

ENTRANCE: Final = "http"
RELEASE: Final = "release"
PRECHECK: Final = "precheck"
LISTS: Final = frozenset({"territories", "licences", "sources"})
_REFUSED: Final = frozenset({"too-large", "bad-fields", "malformed-json", "malformed-multipart"})


@dataclass(frozen=True)
class Given:
    """What a body says: the declaration's fields, the mode, and the sound by one of three ways."""

    fields: dict[str, Any]
    mode: str = RELEASE
    url: Any = None
    fingerprint: Any = None
    upload: uploads.Upload | None = None
    stems: tuple[uploads.Upload, ...] = ()


class Submissions:
    """Takes submissions of one caller in.

    Parameters
    ----------
    key : str, optional
        The Idempotency-Key; a precheck needs none.
    """

    def __init__(
        self, service: "Service", caller: Caller, key: str | None, pressure: BackPressure
    ) -> None:
        self._service = service
        self._caller = caller
        self._key = key
        self._pressure = pressure

    async def take(self, request: StrictRequest) -> str | dict[str, Any]:
        """Read a body and act on it.

        Returns
        -------
        str or dict
            The track's id; or what a precheck found.
        """
        kind = media_type_of(request)
        form = uploads.Form()
        try:
            if kind == "multipart/form-data":
                return await self._take_form(request, form)
            if kind == "application/json" or kind.endswith("+json"):
                return await self._take_json(request, form)
        except (AudioError, DeclarationError, UrlRefusedError, InvalidFingerprintError) as error:
            await self._note_refusal(error, form)
            raise
        except HttpError as error:
            if error.name in _REFUSED:
                await self._note_refusal(error, form)
            raise
        raise HttpError(
            "unsupported-media-type", "send multipart/form-data with a file, or application/json"
        )

    async def _take_form(self, request: Request, form: uploads.Form) -> str | dict[str, Any]:
        settings = self._service.settings
        async with uploads.kept_open() as stack:

            def open_sink(form: uploads.Form) -> uploads.Sink:
                mode = form.value("mode")
                if mode != PRECHECK:
                    self._pressure.check()
                if mode == RELEASE:
                    writer = self._service.store.open_writer(self._caller.tenant_id)
                    return stack.enter_context(writer)
                # The mode may still follow, and a precheck's bytes must never reach the store.
                return stack.enter_context(uploads.spooled(settings))

            await uploads.receive(
                request,
                form,
                max_file_bytes=settings.max_upload_bytes,
                max_field_bytes=settings.max_body_bytes,
                open_sink=open_sink,
                may_refuse=lambda form: form.value("mode") is not None,
                with_stems=True,
            )
            given = _given_by_form(form)
            return await run_in_threadpool(self._act, given)

    async def _take_json(self, request: StrictRequest, form: uploads.Form) -> str | dict[str, Any]:
        try:
            body = await request.json()
        except HTTPException as error:
            raise HttpError(name_of(error), str(error.detail)) from None
        if body is MALFORMED:
            raise HttpError("malformed-json", "send valid JSON (RFC 8259)")
        if not isinstance(body, dict):
            raise HttpError("bad-fields", "send a JSON object")
        if body.get("mode") == PRECHECK:
            form.fields["mode"] = [PRECHECK]
        given = Given(
            fields={k: v for k, v in body.items() if k not in {"mode", "url", "fingerprint"}},
            mode=body.get("mode", RELEASE),
            url=body.get("url"),
            fingerprint=body.get("fingerprint"),
        )
        return await run_in_threadpool(self._act, given)

    def _act(self, given: Given) -> str | dict[str, Any]:
        """Check everything, then do the one thing that was asked for."""
        declaration = _checked(given)
        if given.mode == PRECHECK:
            return self._precheck(given, declaration)
        if self._key is None:
            raise HttpError(
                "idempotency-key-required",
                "send an Idempotency-Key header: your own name for this submission",
            )
        self._pressure.check()
        return tracks.submit(
            self._service,
            self._caller,
            self._stored(given, declaration, self._key),
            declaration,
            entrance=ENTRANCE,
            key=self._key,
        )

    def _stored(self, given: Given, declaration: Declaration, key: str) -> Source:
        """Bring what was given into the store; not before the key is known to be free for it."""
        if given.url is not None:
            self._service.url_guard.check_form(given.url)
            return Source(url=given.url)
        store, tenant = self._service.store, self._caller.tenant_id
        if given.upload is not None:
            upload = given.upload
            source = Source(
                sha256=upload.sha256,
                size_bytes=upload.size,
                file_name=upload.name,
                stems=_stems(given.stems),
            )
            self._refuse_conflict(source, declaration, key)
            for each in (upload, *given.stems):
                if isinstance(each.sink, BlobWriter):
                    each.sink.commit()
                else:
                    store.put_file(tenant, _spooled_path(each))
            return source
        content = _fingerprint(given, self._service.settings).to_bytes()
        source = Source(fingerprint_sha256=hashlib.sha256(content).hexdigest())
        self._refuse_conflict(source, declaration, key)
        store.put_bytes(tenant, content)
        return source

    def _refuse_conflict(self, source: Source, declaration: Declaration, key: str) -> None:
        """Refuse a key that stands for another body before a blob of it is kept.

        `tracks.submit` decides; this only spares the store what would be refused there.
        """
        with self._service.database.reading() as session:
            row = session.get(IdempotencyKey, (self._caller.tenant_id, key))
        if row is None:
            return
        digest = tracks.body_digest(source, declaration.to_json())
        if row.operation != "tracks" or row.body_digest != digest:
            raise IdempotencyConflictError(
                "this Idempotency-Key was used with another body: send the same one, or a new key"
            )

    def _precheck(self, given: Given, declaration: Declaration) -> dict[str, Any]:
        """Answer within the request; all that takes long is done in a slot, the fetch too."""
        service, caller = self._service, self._caller
        if given.url is not None:
            service.url_guard.check_form(given.url)
        with service.precheck_slots, ExitStack() as stack:
            deadline = time.monotonic() + service.settings.precheck_seconds
            if given.fingerprint is not None:
                print_ = _fingerprint(given, service.settings)
                left = deadline - time.monotonic()
                return precheck(service, caller, declaration, print_=print_, patience=left)
            if given.upload is not None:
                path = _spooled_path(given.upload)
            else:
                spool = stack.enter_context(uploads.spooled(service.settings))
                path = self._fetched(given.url, spool)
            left = deadline - time.monotonic()
            return precheck(service, caller, declaration, path=path, patience=left)

    def _fetched(self, url: str, spool: uploads.Spool) -> Path:
        """Fetch what a precheck is about; it must begin as audio does."""
        settings = self._service.settings
        limits = FetchLimits(
            max_bytes=settings.max_upload_bytes,
            seconds=min(settings.fetch_seconds, settings.precheck_seconds),
        )
        guard = self._service.url_guard.of(self._caller.tenant_id)
        fetch(url, guard, limits, spool, settings.store_options)
        path = spool.finish()
        with path.open("rb") as file:
            sniff(file.read(SNIFF_BYTES))
        return path

    async def _note_refusal(self, error: Exception, form: uploads.Form) -> None:
        if form.value("mode") == PRECHECK:
            return
        await run_in_threadpool(self._record_refusal, error)

    def _record_refusal(self, error: Exception) -> None:
        # A detail may quote what came, and PostgreSQL keeps no NUL.
        detail = str(error)[:500].replace("\x00", "\ufffd")
        problem = {"type": name_of(error), "detail": detail}
        with self._service.database.transaction() as session:
            record(
                session,
                tenant_id=self._caller.tenant_id,
                subject=new_id(),
                version=1,
                data=SubmissionRefused(entrance=ENTRANCE, problem=problem),
                now=self._service.now(),
                actor=self._caller.actor,
            )
        SUBMISSIONS.labels(ENTRANCE, "refused").inc()


def _given_by_form(form: uploads.Form) -> Given:
    fields: dict[str, Any] = {}
    for name, values in form.fields.items():
        if name in LISTS:
            fields[name] = values[0] if len(values) == 1 else _together(name, values)
        elif len(values) > 1:
            raise DeclarationError([{"field": name, "detail": "give it once"}])
        else:
            fields[name] = values[0]
    mode = fields.pop("mode", RELEASE)
    for name in ("licences", "sources"):
        if isinstance(fields.get(name), str) and fields[name].lstrip()[:1] == "{":
            fields[name] = f"[{fields[name]}]"
    return Given(fields=fields, mode=mode, upload=form.upload, stems=tuple(form.stems))


def _stems(given: tuple[uploads.Upload, ...]) -> tuple[tracks.StemSource, ...]:
    """Name stems by their files' names, less what tells the format."""
    named = [(_stem_name(each.name), each) for each in given]
    return tuple(
        tracks.StemSource(name=name, sha256=each.sha256, size_bytes=each.size)
        for name, each in named
    )


def _stem_name(file_name: str | None) -> str:
    return PurePath(file_name or "").stem[: tracks.MAX_STEM_NAME]


def _together(name: str, values: list[str]) -> str | list[str]:
    """Return a field that was given several times as the list it means."""
    if name == "territories":
        return [code.strip() for value in values for code in value.split(",")]
    return f"[{','.join(values)}]"


def _checked(given: Given) -> Declaration:
    """Check all fields at once, so that a client sees everything that is wrong."""
    errors: list[dict[str, str]] = []
    if given.mode not in (RELEASE, PRECHECK):  # of any type, hashable or not
        errors.append(
            {
                "field": "mode",
                "detail": Told(
                    "either %(release)s or %(precheck)s", release=RELEASE, precheck=PRECHECK
                ),
            }
        )
    sounds = [given.url is not None, given.fingerprint is not None, given.upload is not None]
    if sum(sounds) != 1:
        errors.append({"field": "file", "detail": "send one of: a file, a `url`, a `fingerprint`"})
    errors += _errors_of_generated(given)
    if given.url is not None and not isinstance(given.url, str):
        errors.append({"field": "url", "detail": "an address is text"})
    try:
        declaration = Declaration.parse(given.fields)
    except DeclarationError as error:
        raise DeclarationError(errors + error.errors) from None
    if errors:
        raise DeclarationError(errors)
    return declaration


def _errors_of_generated(given: Given) -> list[dict[str, str]]:
    """What is wrong about a generated track or its stems, apart from its own fields."""
    generated = given.fields.get("generated")
    if not generated:
        told = "only a track with `generated` has stems"
        return [{"field": "stems", "detail": told}] if given.stems else []
    errors = []
    if given.mode == PRECHECK:
        told = "a generated track is marked before it is looked at, which a precheck does not do"
        errors.append({"field": "generated", "detail": told})
    if given.fingerprint is not None:
        told = "a generated track is marked: send its audio"
        errors.append({"field": "generated", "detail": told})
    names = [_stem_name(each.name) for each in given.stems]
    if not all(map(tracks.is_stem_name, names)) or len(set(names)) < len(names):
        told = "give each stem's part a file name of its own, such as bass.wav"
        errors.append({"field": "stems", "detail": told})
    return errors


def _fingerprint(given: Given, settings: Settings) -> Fingerprint:
    """What a client sent instead of audio, no longer than audio may be."""
    print_ = Fingerprint.from_json(given.fingerprint)
    if print_.duration > settings.max_duration_seconds:
        raise InvalidFingerprintError(
            Told(
                "the fingerprint is of %(duration)s s of audio, and at most "
                "%(max_duration_seconds)s s are accepted: send it in parts",
                duration=f"{print_.duration:.0f}",
                max_duration_seconds=f"{settings.max_duration_seconds:.0f}",
            ),
        )
    return print_


def _spooled_path(upload: uploads.Upload) -> Path:
    if not isinstance(upload.sink, uploads.Spool):
        raise TypeError("the file went to the store")
    return upload.sink.finish()
