"""HTTP resource of notices without personal data, in the form that Lumen takes."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from scanner import lumen, matters
from scanner.dependencies import AuditReader, ServiceDep, is_id
from scanner.errors import NotFoundError
from scanner.problems import problems
from scanner.routing import Route
from scanner.schemas import statements as shapes
from scanner.tables import Notice, Tenant

router = APIRouter(prefix="/v1/notices", tags=["notices"], route_class=Route)


@router.get(
    "/{notice_id}/redacted",
    response_model=shapes.RedactedNotice,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_redacted_notice(
    caller: AuditReader,
    service: ServiceDep,
    notice_id: Annotated[str, Path(description="The notice's id.")],
) -> dict[str, Any]:
    """A notice without personal data, as Lumen's API takes it. Needs the scope `audit:read`.

    A threat to life is no notice about material: there is none of it.
    """
    if not is_id(notice_id):
        raise NotFoundError("notice", "of this id")
    with service.database.reading() as session:
        notice = matters.find(session, Notice, caller.tenant_id, notice_id)
        platform = session.get_one(Tenant, caller.tenant_id).name
        found = lumen.redacted(session, notice, platform)
    if found is None:
        raise NotFoundError("notice", "of this id")
    return {"notice": found}
