"""HTTP resource that screens prompts for generation."""

from typing import Any

from fastapi import APIRouter

from scanner import prompts, schemas
from scanner.dependencies import ServiceDep, TracksWriter
from scanner.problems import problems
from scanner.routing import Route

router = APIRouter(prefix="/v1/prompts", tags=["policy"], route_class=Route)


@router.post(
    "/screen",
    response_model=schemas.PromptAnswer,
    responses=problems("malformed-json", "unsupported-media-type", "bad-fields"),
)
def screen_prompt(
    caller: TracksWriter, asked: schemas.PromptAsked, service: ServiceDep
) -> dict[str, Any]:
    """Say whether a prompt may be answered, and how to rephrase it; nothing is kept.

    Needs the scope `tracks:write`.
    """
    with service.database.reading() as session:
        screened = prompts.screen(service, session, caller.tenant_id, asked.prompt, asked.protected)
    return prompts.describe(screened)
