"""HTTP resources for catalogues in bulk: a file comes in, a worker takes it in, a report says what became of it."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import JSONResponse

from scanner import catalogue_imports, cursors
from scanner.catalogue_uploads import Received, received
from scanner.dependencies import Cursor, Limit, OnceDep, ServiceDep, is_id
from scanner.errors import NotFoundError
from scanner.problems import problems
from scanner.replays import Answer
from scanner.rights_callers import FILED, RightsReader, RightsWriter
from scanner.routing import Route
from scanner.schemas import catalogue_imports as shapes

router = APIRouter(prefix="/v1/rights/catalogue-imports", tags=["rights"], route_class=Route)

_BODY: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {
                        "type": "string",
                        "format": "binary",
                        "description": "CSV, a DDEX ERN 4.3 message, or a ZIP with one of them and the recordings.",
                    },
                    "holder_id": {
                        "type": "string",
                        "description": "Whose catalogue it is; a holder's key needs none.",
                    },
                    "files_of": {
                        "type": "string",
                        "description": "An earlier import in whose ZIP the recordings are.",
                    },
                    "dry_run": {"type": "boolean", "description": "Only say what would be done."},
                },
            }
        }
    },
}


def import_id_of(import_id: Annotated[str, Path(description="The import's id.")]) -> str:
    """Return the id in the path, if it can be one."""
    if not is_id(import_id):
        raise NotFoundError("import", "of this id")
    return import_id


ImportId = Annotated[str, Depends(import_id_of)]


@router.post(
    "",
    status_code=202,
    response_model=shapes.CatalogueImportAnswer,
    responses=problems(*FILED, "in-progress", "idempotency-conflict"),
    openapi_extra={"requestBody": _BODY},
)
async def import_catalogue(
    request: Request, caller: RightsWriter, once: OnceDep, service: ServiceDep
) -> JSONResponse:
    """Take a holder's catalogue in, row by row, in the background. Needs `rights:write`.

    Read the import until its `state` is `done` or `failed`; its report names line and column of what
    was refused. What is right is taken in whatever is wrong with other rows.
    """

    def act(got: Received) -> JSONResponse:
        def work() -> Answer:
            made = catalogue_imports.ask(service, caller, got.kept(service, caller))
            with service.database.reading() as session:
                view = catalogue_imports.describe(session, made)
            return Answer(202, view, {"Location": f"/v1/rights/catalogue-imports/{made.id}"})

        return once.answer(got.identity, work)

    return await received(request, service, act)


@router.get(
    "",
    response_model=shapes.CatalogueImports,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_imports(
    caller: RightsReader, service: ServiceDep, limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """List imports, newest first; a holder's key sees its own. Needs `rights:read`."""
    (before,) = cursors.decode("imports", cursor, str) or (None,)
    with service.database.reading() as session:
        found = catalogue_imports.listed(session, caller, limit=limit + 1, before=before)
        items = [catalogue_imports.describe(session, each) for each in found[:limit]]
    next_cursor = cursors.encode("imports", items[-1]["id"]) if len(found) > limit else None
    return {"items": items, "next_cursor": next_cursor}


@router.get(
    "/{import_id}",
    response_model=shapes.CatalogueImportAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_import(caller: RightsReader, service: ServiceDep, import_id: ImportId) -> dict[str, Any]:
    """One import: its state, and how many rows came to what. Needs `rights:read`."""
    with service.database.reading() as session:
        row = catalogue_imports.find(session, caller, import_id)
        return catalogue_imports.describe(session, row)


@router.get(
    "/{import_id}/report",
    response_class=Response,
    responses=problems(
        "not-found",
        also={200: {"description": "What became of each row.", "content": {"text/csv": {}}}},
    ),
)
def read_report(caller: RightsReader, service: ServiceDep, import_id: ImportId) -> Response:
    """What became of each row, as CSV that a spreadsheet may open. Needs `rights:read`."""
    with service.database.reading() as session:
        row = catalogue_imports.find(session, caller, import_id)
        text = catalogue_imports.report(session, row)
    return report_answer(row.id, text)


def report_answer(import_id: str, text: str) -> Response:
    """Return a report as a file to keep."""
    headers = {"Content-Disposition": f'attachment; filename="import-{import_id}.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)
