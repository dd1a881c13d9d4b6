"""A rights holder's catalogue: recordings, what is to happen on a match, shares, parts that are not theirs."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from scanner import (
    claim_views,
    holder_catalogue,
    reference_lyrics,
    references,
    rights,
    uploads,
)
from scanner.audio import AudioError
from scanner.console import holder_words
from scanner.console.access import ConsoleRoute, Posted, proved
from scanner.console.holder_forms import (
    FORESEEN,
    SHOWN,
    RightsHolder,
    again,
    day,
    holder_of,
    number,
    percent,
    territories,
)
from scanner.console.identities import Identity
from scanner.console.rendering import page, redirect
from scanner.declarations import Declaration, DeclarationError
from scanner.dependencies import ServiceDep, known_id
from scanner.reference_checks import POLICIES
from scanner.rights import ShareAsked
from scanner.safe_csv import written
from scanner.service import Service
from scanner.tables import Reference
from scanner.wording import Told

router = APIRouter(
    prefix="/rights/catalogue", route_class=ConsoleRoute, default_response_class=HTMLResponse
)
MOST_EXPORTED: Final = 50_000
Words = Annotated[str, Query(max_length=300)]
ReferenceId = Annotated[str, Path(max_length=36)]


@router.get("")
def read_catalogue(
    request: Request,
    identity: RightsHolder,
    service: ServiceDep,
    q: Words = "",
    policy: Annotated[str, Query(max_length=20)] = "",
    before: Annotated[str | None, Query(max_length=36)] = None,
) -> Response:
    """The holder's recordings, newest first, with how often their claims stood."""
    caller, holder_id = identity.caller, holder_of(identity.caller)
    with service.database.reading() as session:
        found = holder_catalogue.listed(
            session, caller, holder_id, limit=SHOWN + 1, before=before, search=q,
            policy=policy or None,
        )  # fmt: skip
        shown = references.describe(session, found[:SHOWN])
        holder = rights.describe_holder(session, rights.find_holder(session, caller, holder_id))
    more = shown[-1]["id"] if len(found) > SHOWN else None
    return page(
        request, "holder_catalogue.html", references=shown, holder=holder, q=q, policy=policy,
        more=more, words=holder_words,
    )  # fmt: skip


@router.get("/export.csv")
def export(identity: RightsHolder, service: ServiceDep) -> Response:
    """The catalogue as a file that an import takes again."""
    caller = identity.caller
    with service.database.reading() as session:
        found = holder_catalogue.listed(session, caller, holder_of(caller), limit=MOST_EXPORTED)
    lines: list[list[Any]] = [
        ["reference_id", "title", "isrc", "policy", "territories", "contributors"]
    ]
    lines += [
        [
            each.id, each.title, each.isrc, each.policy, " ".join(each.territories),
            ";".join(each.extra.get("contributors", [])),
        ]
        for each in found
    ]  # fmt: skip
    headers = {"Content-Disposition": 'attachment; filename="catalogue.csv"'}
    return Response(written(lines), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/record")
def read_record(request: Request, identity: RightsHolder, service: ServiceDep) -> Response:
    """How often the holder's claims stood, and those that did not."""
    caller, holder_id = identity.caller, holder_of(identity.caller)
    with service.database.reading() as session:
        lost = holder_catalogue.overturned(session, caller, holder_id, limit=SHOWN)
        claims = claim_views.describe_all(session, lost)
        holder = rights.describe_holder(session, rights.find_holder(session, caller, holder_id))
    return page(request, "holder_record.html", claims=claims, holder=holder, words=holder_words)


@router.get("/add")
def read_add(request: Request, identity: RightsHolder, service: ServiceDep) -> Response:
    """The form."""
    megabytes = service.settings.max_upload_bytes // 2**20
    return page(request, "holder_add.html", megabytes=megabytes, words=holder_words)


@router.post("/add", dependencies=[Depends(proved)])
async def add(request: Request, identity: RightsHolder, service: ServiceDep) -> Response:
    """Take a recording in and go on to its page."""
    form = uploads.Form()
    async with uploads.kept_open() as stack:
        await uploads.receive(
            request,
            form,
            max_file_bytes=service.settings.max_upload_bytes,
            max_field_bytes=service.settings.max_body_bytes,
            open_sink=lambda _: stack.enter_context(uploads.spooled(service.settings)),
        )
        made = await run_in_threadpool(_added, service, identity, form)
    return redirect(request, f"/rights/catalogue/{made.id}")


def _added(service: Service, identity: Identity, form: uploads.Form) -> Reference:
    upload = form.upload
    if upload is None or not isinstance(upload.sink, uploads.Spool):
        raise AudioError("empty-file", "choose a recording")
    fields = _fields({name: values[-1] for name, values in form.fields.items()})
    with service.reference_slots:  # decoding is CPU work
        return holder_catalogue.add(
            service,
            identity.caller,
            holder_of(identity.caller),
            upload.sink.finish(),
            {name: value for name, value in fields.items() if value},
            file_name=upload.name,
            sha256=upload.sha256,
        )


def _fields(form: dict[str, str]) -> dict[str, Any]:
    """Return what a form says of a recording.

    Raises
    ------
    DeclarationError
        Naming the field that is wrong.
    """
    title, policy, isrc = (form.get(name, "").strip() for name in ("title", "policy", "isrc"))
    if len(title) > 300:
        raise DeclarationError([{"field": "title", "detail": "at most 300 characters"}])
    if policy not in POLICIES:
        raise DeclarationError(
            [
                {
                    "field": "policy",
                    "detail": Told("one of %(policies)s", policies=", ".join(POLICIES)),
                }
            ]
        )
    checked = Declaration.parse({"isrc": isrc}).isrc if isrc else None
    lyrics = form.get("lyrics")
    if wrong := reference_lyrics.errors_of(lyrics or ""):
        raise DeclarationError([{"field": "lyrics", "detail": each} for each in wrong])
    people = [each.strip() for each in form.get("contributors", "").split(";") if each.strip()]
    return {
        "title": title or None,
        "policy": policy,
        "isrc": checked,
        "territories": territories(form.get("territories", "")),
        "contributors": people,
        "lyrics": lyrics,
    }


@router.get("/{reference_id}")
def read_reference(
    request: Request, identity: RightsHolder, service: ServiceDep, reference_id: ReferenceId
) -> Response:
    """One recording: what is to happen on a match, parts that are not the holder's, shares."""
    return page(request, "holder_reference.html", **_shown(service, identity, reference_id))


@router.post("/{reference_id}")
def change(
    request: Request,
    identity: RightsHolder,
    service: ServiceDep,
    reference_id: ReferenceId,
    form: Posted,
) -> Response:
    """Change title, policy, ISRC, territories, contributors or lyrics."""
    return _moved(
        request,
        service,
        identity,
        reference_id,
        form,
        lambda: holder_catalogue.change(
            service,
            identity.caller,
            holder_of(identity.caller),
            reference_id,
            _fields(dict(form)),
        ),
    )


@router.post("/{reference_id}/exclusions")
def exclude(
    request: Request,
    identity: RightsHolder,
    service: ServiceDep,
    reference_id: ReferenceId,
    form: Posted,
) -> Response:
    """Say that a part is not the holder's: matches in it count no more."""

    def move() -> object:
        part = (number(form.get("start", ""), "start"), number(form.get("end", ""), "end"))
        return holder_catalogue.exclude(
            service, identity.caller, holder_of(identity.caller), reference_id, part
        )

    return _moved(request, service, identity, reference_id, form, move)


@router.post("/{reference_id}/shares")
def add_share(
    request: Request,
    identity: RightsHolder,
    service: ServiceDep,
    reference_id: ReferenceId,
    form: Posted,
) -> Response:
    """Record a share of the holder's, or correct one."""
    return _moved(
        request,
        service,
        identity,
        reference_id,
        form,
        lambda: _share(service, identity, reference_id, dict(form)),
    )


def _share(service: Service, identity: Identity, reference_id: str, form: dict[str, str]) -> object:
    starts, ends = day(form.get("from", ""), "from"), day(form.get("to", ""), "to")
    if share_id := form.get("share_id"):
        return rights.correct_share(
            service, identity.caller, known_id(share_id, "share"), ends_on=ends
        )
    right = form.get("right", "")
    if right not in holder_words.RIGHTS:
        one_of = Told("one of %(rights)s", rights=", ".join(holder_words.RIGHTS))
        raise DeclarationError([{"field": "right", "detail": one_of}])
    places = territories(form.get("territory", "")) or ["*"]
    if len(places) > 1:
        told = "name one territory, or none for everywhere"
        raise DeclarationError([{"field": "territory", "detail": told}])
    asked = ShareAsked(
        holder_of(identity.caller), reference_id, right, places[0],
        percent(form.get("percent", "")), starts, ends,
    )  # fmt: skip
    return rights.record_share(service, identity.caller, asked)


@router.post("/{reference_id}/retire")
def retire(
    request: Request,
    identity: RightsHolder,
    service: ServiceDep,
    reference_id: ReferenceId,
    form: Posted,
) -> Response:
    """Take a recording out of the catalogue."""
    known_id(reference_id, "reference")
    holder_catalogue.retire(service, identity.caller, holder_of(identity.caller), reference_id)
    return redirect(request, "/rights/catalogue")


def _moved(
    request: Request,
    service: Service,
    identity: Identity,
    reference_id: str,
    form: Posted,
    move: Any,
) -> Response:
    shown = _shown(service, identity, reference_id)  # whose it is comes first
    try:
        move()
    except FORESEEN as error:
        return again(request, "holder_reference.html", error, **(shown | {"given": dict(form)}))
    return redirect(request, f"/rights/catalogue/{reference_id}")


def _shown(service: Service, identity: Identity, reference_id: str) -> dict[str, Any]:
    caller = identity.caller
    known_id(reference_id, "reference")
    with service.database.reading() as session:
        row = holder_catalogue.find(session, caller, holder_of(caller), reference_id)
        shares = rights.shares(session, caller, limit=SHOWN, before=None, subject=row.id)
        return {
            "reference": references.describe(session, [row])[0],
            "contributors": row.extra.get("contributors", []),
            "lyrics": reference_lyrics.text_of(session, row.id),
            "suggested": holder_catalogue.suggested(session, caller, row),
            "held": holder_catalogue.held(session, row),
            "shares": [rights.describe_share(each) for each in shares],
            "given": {},
            "problem": None,
            "words": holder_words,
        }
