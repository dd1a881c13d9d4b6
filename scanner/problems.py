"""The one table from what can go wrong to RFC 9457 problems.

A problem's ``type`` is ``/problems/<name>``, and the names are the ones that a held track's
``problem`` carries. Nothing here tells a path, a trace or another tenant's data.
"""

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

import appeals
import watermark
from fingerprint import (
    FingerprintError,
    InvalidFingerprintError,
    TooShortError,
    UnusableAudioError,
)
from scanner.ages import BadAgeError
from scanner.appeal_parts import BadAppealError
from scanner.audio import AudioError
from scanner.banks import BadBankError
from scanner.certificates import CertificateError
from scanner.consents import BadConsentError
from scanner.database import is_transient
from scanner.declarations import DeclarationError
from scanner.delivery import AlteredFileError, UnmarkableStemError, UnreadableMarkError
from scanner.errors import (
    BadKeyRequestError,
    BadOptionError,
    BusyError,
    ConflictError,
    ForbiddenError,
    IdempotencyConflictError,
    IllegalTransitionError,
    InProgressError,
    NotFoundError,
    PackRefusedError,
    PoisonError,
    PreconditionFailedError,
    ScannerError,
    TransientError,
    UnauthorisedError,
)
from scanner.fetch import FetchError
from scanner.flaggers import BadRemovalError
from scanner.generation_engines import EngineDisabledError
from scanner.generation_limits import TooManyGenerationsError
from scanner.manifests import UnverifiableError
from scanner.match_picture import NothingToDrawError
from scanner.notice_senders import SenderSuspendedError
from scanner.notices import BadNoticeError
from scanner.people import GateClosedError
from scanner.privacy.erasure import NotReplayableError
from scanner.privacy.holds import BadHoldError, LegalHoldError
from scanner.provenance import UnsignedFileError
from scanner.reasons import BadVerdictError
from scanner.references import BadReferenceError, SilentReferenceError
from scanner.reviewer_care import BadWishError
from scanner.rights import BadShareError
from scanner.sanctions import SuspendedError
from scanner.store import StoreError
from scanner.transparency.report import BadPeriodError
from scanner.url_guard import UnresolvedError, UrlRefusedError
from scanner.watermark_keys import WatermarkKeyError
from scanner.webhooks import BadWebhookError
from scanner.wording import Told, wrong_with
from watermark.provenance import ProvenanceError

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "/problems/"
MALFORMED: Final = object()
"""Stands for a body that is no JSON until the dependencies had their say."""

log = structlog.get_logger()


class Kind(NamedTuple):
    """A kind of problem: its HTTP status and its title."""

    status: int
    title: str


KINDS: Final[Mapping[str, Kind]] = {
    # the request
    "bad-request": Kind(400, "The request can't be understood"),
    "malformed-json": Kind(400, "The body is no JSON"),
    "malformed-multipart": Kind(400, "The body is no multipart form"),
    "idempotency-key-required": Kind(400, "An Idempotency-Key is needed"),
    "idempotency-key-invalid": Kind(400, "The Idempotency-Key can't be used"),
    "unauthorised": Kind(401, "An API key is needed"),
    "forbidden": Kind(403, "The API key may not do this"),
    "account-suspended": Kind(403, "The account is suspended"),
    "engine-disabled": Kind(403, "The engine makes nothing now"),
    "gate-closed": Kind(403, "The account may not do this"),
    "suspended": Kind(403, "What you send is not taken for a time"),
    "not-found": Kind(404, "There is no such thing"),
    "method-not-allowed": Kind(405, "This method is not for this address"),
    "not-acceptable": Kind(406, "The answer has none of the accepted types"),
    "upload-timeout": Kind(408, "The upload stalled"),
    "conflict": Kind(409, "Somebody else changes this"),
    "in-progress": Kind(409, "The first request is still being handled"),
    "illegal-transition": Kind(409, "The object's state does not allow this"),
    "legal-hold": Kind(409, "A legal hold keeps this"),
    "erased": Kind(410, "This was erased"),
    "precondition-failed": Kind(412, "The object changed meanwhile"),
    "too-large": Kind(413, "The body is too large"),
    "unsupported-media-type": Kind(415, "This type of body is not taken"),
    "range-not-satisfiable": Kind(416, "The file is shorter than that"),
    "bad-fields": Kind(422, "Some fields can't be taken"),
    "bad-cursor": Kind(422, "The cursor is not one of this list"),
    "idempotency-conflict": Kind(422, "The Idempotency-Key was used for something else"),
    "pack-refused": Kind(422, "The pack of rules can't be used as it is"),
    "not-replayable": Kind(422, "The message can't be replayed"),
    "precondition-required": Kind(428, "If-Match is needed"),
    "rate-limited": Kind(429, "Too many requests"),
    # the audio
    "empty-file": Kind(422, "The file is empty"),
    "not-audio": Kind(422, "This is no audio"),
    "unreadable-audio": Kind(422, "The audio can't be decoded"),
    "no-audio-stream": Kind(422, "The file holds no audio"),
    "too-many-channels": Kind(422, "The audio has too many channels"),
    "too-long": Kind(422, "The audio is too long"),
    "too-short": Kind(422, "The audio is too short"),
    "silent-audio": Kind(422, "Nothing sounds in the audio"),
    "non-finite-samples": Kind(422, "The samples are not finite"),
    "decode-cpu": Kind(422, "Decoding takes too much time"),
    "decode-memory": Kind(422, "Decoding takes too much memory"),
    "decode-timeout": Kind(422, "Decoding takes too long"),
    "decoder-crashed": Kind(422, "The decoder broke on this file"),
    "bad-fingerprint": Kind(422, "The fingerprint can't be used"),
    "audio-missing": Kind(404, "There is no audio"),
    "manifest-unverifiable": Kind(422, "The manifest can't be looked at"),
    "not-deliverable": Kind(409, "The file must not go out"),
    "stem-unmarkable": Kind(409, "The stem leaves only inside its bundle"),
    "nothing-to-draw": Kind(404, "There is no match to draw"),
    # an address to fetch
    "url-refused": Kind(422, "This address is not fetched"),
    "url-unreachable": Kind(422, "The address does not answer"),
    "url-status": Kind(422, "The address answers with an error"),
    "url-too-large": Kind(422, "What is at the address is too large"),
    "url-timeout": Kind(422, "The address answers too slowly"),
    "url-encoded": Kind(422, "The address answers with an encoded body"),
    # the service
    "internal-error": Kind(500, "The service failed"),
    "audio-corrupt": Kind(500, "The stored audio is damaged"),
    "busy": Kind(503, "The service takes no more work just now"),
    "unavailable": Kind(503, "A part of the service does not answer"),
    "store-unavailable": Kind(503, "The audio store does not answer"),
    "store-full": Kind(503, "The audio store is full"),
}

_BY_ERROR: Final[Mapping[type[Exception], str]] = {
    UnauthorisedError: "unauthorised",
    SuspendedError: "account-suspended",
    GateClosedError: "gate-closed",
    EngineDisabledError: "engine-disabled",
    TooManyGenerationsError: "rate-limited",
    SenderSuspendedError: "suspended",
    ForbiddenError: "forbidden",
    NotFoundError: "not-found",
    PreconditionFailedError: "precondition-failed",
    InProgressError: "in-progress",
    LegalHoldError: "legal-hold",
    NotReplayableError: "erased",
    ConflictError: "conflict",
    IllegalTransitionError: "illegal-transition",
    appeals.IllegalTransitionError: "illegal-transition",
    appeals.NotAllowedError: "forbidden",
    appeals.MissingPartError: "bad-fields",
    BadNoticeError: "bad-fields",
    BadAppealError: "bad-fields",
    IdempotencyConflictError: "idempotency-conflict",
    DeclarationError: "bad-fields",
    BadReferenceError: "bad-fields",
    SilentReferenceError: "silent-audio",
    BadBankError: "bad-fields",
    BadWebhookError: "bad-fields",
    BadKeyRequestError: "bad-fields",
    BadAgeError: "bad-fields",
    BadConsentError: "bad-fields",
    BadHoldError: "bad-fields",
    BadRemovalError: "bad-fields",
    BadShareError: "bad-fields",
    BadPeriodError: "bad-fields",
    BadOptionError: "bad-fields",
    BadVerdictError: "bad-fields",
    BadWishError: "bad-fields",
    appeals.MissingPartError: "bad-fields",
    appeals.NotAllowedError: "forbidden",
    appeals.IllegalTransitionError: "illegal-transition",
    PackRefusedError: "pack-refused",
    NothingToDrawError: "nothing-to-draw",
    UnverifiableError: "manifest-unverifiable",
    InvalidFingerprintError: "bad-fingerprint",
    TooShortError: "too-short",
    UnusableAudioError: "unreadable-audio",
    UrlRefusedError: "url-refused",
    UnresolvedError: "url-refused",
    UnreadableMarkError: "not-deliverable",
    AlteredFileError: "not-deliverable",
    CertificateError: "not-deliverable",
    ProvenanceError: "not-deliverable",
    UnsignedFileError: "not-deliverable",
    UnmarkableStemError: "stem-unmarkable",
    watermark.TooShortError: "too-short",
    watermark.UnusableAudioError: "unreadable-audio",
    BusyError: "busy",
    TransientError: "unavailable",
    WatermarkKeyError: "unavailable",
    PoisonError: "not-replayable",
}
_BY_STATUS: Final = {
    400: "bad-request",
    401: "unauthorised",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    408: "upload-timeout",
    413: "too-large",
    415: "unsupported-media-type",
    503: "unavailable",
}
_RETRY_SECONDS: Final = {"in-progress": 1, "busy": 5, "unavailable": 5, "store-unavailable": 5}


class HttpError(ScannerError):
    """Something that only HTTP knows of: a header, a body's form, a rate.

    Parameters
    ----------
    name : str
        A key of `KINDS`.
    """

    def __init__(
        self,
        name: str,
        detail: str,
        *,
        errors: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.name = name
        self.errors = errors
        self.headers = dict(headers or {})


def name_of(error: BaseException) -> str:
    """Return the problem's name for an error; ``internal-error`` if it is none we foresee."""
    if isinstance(error, HttpError):
        return error.name
    if isinstance(error, AudioError | FetchError | StoreError):
        return str(error.problem)
    if isinstance(error, HTTPException):
        return _BY_STATUS.get(error.status_code, "bad-request")
    if isinstance(error, RequestValidationError):
        return _validation_name(error)
    if is_transient(error):
        return "unavailable"
    for kind in type(error).__mro__:
        if kind in _BY_ERROR:
            return _BY_ERROR[kind]
    return "internal-error"


def document(error: Exception, incident: str | None = None) -> dict[str, Any]:
    """Return an error as the members of a problem (RFC 9457)."""
    name = name_of(error)
    kind = kind_of(name, error)
    members: dict[str, Any] = {
        "type": TYPE_PREFIX + name,
        "title": kind.title,
        "status": kind.status,
        "detail": _detail(error, name),
    }
    if incident is not None:
        members["instance"] = f"urn:uuid:{incident}"
    if errors := _errors(error):
        members["errors"] = errors
    return members


def answer(error: Exception, request: Request) -> JSONResponse:
    """Return an error as an answer; what nobody foresaw is logged with its incident id."""
    incident = getattr(request.state, "request_id", None)
    members = document(error, incident)
    if members["status"] >= 500 and not isinstance(error, BusyError):
        log.error("request_failed", problem=members["type"], incident=incident, exc_info=error)
    caller = getattr(request.state, "caller", None)
    if caller is not None and caller.sandbox:
        members["sandbox"] = True
    return JSONResponse(
        members, members["status"], headers=_headers(error, members), media_type=MEDIA_TYPE
    )


def kind_of(name: str, error: Exception | None = None) -> Kind:
    """Return a problem's kind; a name that a newer decoder brings gets a plain title."""
    if getattr(error, "transient", False) and name not in {"store-unavailable", "store-full"}:
        return Kind(503, KINDS[name].title if name in KINDS else _plain(name))
    return KINDS.get(name) or Kind(422, _plain(name))


def install(app: FastAPI) -> None:
    """Make every error of the application a problem."""

    async def respond(request: Request, error: Exception) -> JSONResponse:
        return answer(error, request)

    for kind in (
        ScannerError,
        appeals.MoveError,
        appeals.AppealError,
        AudioError,
        FingerprintError,
        watermark.WatermarkError,
        appeals.AppealError,
        HTTPException,
        RequestValidationError,
        SQLAlchemyError,
    ):
        app.add_exception_handler(kind, respond)


POSTED: Final = (
    "malformed-json",
    "unsupported-media-type",
    "bad-fields",
    "in-progress",
    "idempotency-conflict",
)
"""What any route may answer that takes a body in, once under an ``Idempotency-Key``."""


def problems(
    *names: str, also: Mapping[int | str, dict[str, Any]] | None = None
) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's description of the problems a route may answer with.

    Parameters
    ----------
    also : mapping of status to description, optional
        Good answers beside the usual one.
    """
    by_status: dict[int, list[str]] = {}
    for name in names:
        by_status.setdefault(KINDS[name].status, []).append(name)
    described: dict[int | str, dict[str, Any]] = dict(also or {})
    described |= {
        status: {
            "description": "; ".join(f"`{name}`: {KINDS[name].title}" for name in listed),
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "examples": {
                        name: {
                            "value": {
                                "type": TYPE_PREFIX + name,
                                "title": KINDS[name].title,
                                "status": status,
                            }
                        }
                        for name in listed
                    },
                }
            },
        }
        for status, listed in by_status.items()
    }
    return described


def _plain(name: str) -> str:
    return name.replace("-", " ").capitalize()


def _detail(error: Exception, name: str) -> str:
    if name == "internal-error":
        return "the failure is on record under the incident id in `instance`"
    if is_transient(error):
        return "the database does not answer: try again in a moment"
    if isinstance(error, HTTPException):
        if error.status_code == 404:
            return "there is nothing at this address"
        if error.status_code == 405:
            return Told(
                "allowed here: %(value)s",
                value=(error.headers or {}).get("Allow", "another method"),
            )
        return str(error.detail)
    if isinstance(error, RequestValidationError):
        return _validation_detail(name, error)
    return str(error)


def _headers(error: Exception, members: dict[str, Any]) -> dict[str, str]:
    headers = dict(getattr(error, "headers", None) or {})
    name = members["type"].removeprefix(TYPE_PREFIX)
    wait = getattr(error, "retry_after", _RETRY_SECONDS.get(name))
    if wait is None and members["status"] == 503:
        wait = 5
    if wait is not None:
        headers.setdefault("Retry-After", str(math.ceil(wait)))
    if members["status"] == 401:
        headers.setdefault("WWW-Authenticate", "Bearer")
    return headers


def _errors(error: Exception) -> list[dict[str, str]]:
    if isinstance(error, DeclarationError | HttpError):
        return error.errors or []
    if isinstance(error, PackRefusedError):
        return [{"field": "text", "detail": finding} for finding in error.findings]
    if isinstance(error, RequestValidationError) and _validation_name(error) == "bad-fields":
        return [
            {"field": _place(each["loc"]), "detail": wrong_with(each)} for each in error.errors()
        ]
    return []


def _place(location: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in location[1:]) or str(location[0])


def _validation_name(error: RequestValidationError) -> str:
    for each in error.errors():
        if each["loc"][:1] == ("body",):
            if each["type"] == "json_invalid" or each.get("input") is MALFORMED:
                return "malformed-json"
            if len(each["loc"]) == 1 and isinstance(each.get("input"), bytes):
                return "unsupported-media-type"
    return "bad-fields"


def _validation_detail(name: str, error: RequestValidationError) -> str:
    if name == "malformed-json":
        return "send valid JSON (RFC 8259): finite numbers, no NUL, no lone surrogates"
    if name == "unsupported-media-type":
        return "send the body as application/json"
    return "; ".join(f"{each['field']}: {each['detail']}" for each in _errors(error))
