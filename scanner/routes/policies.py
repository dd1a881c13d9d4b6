"""HTTP resources for policy packs."""

from typing import Any

from fastapi import APIRouter

from scanner import cursors, schemas
from scanner.dependencies import CallerDep, Cursor, Limit, ServiceDep
from scanner.problems import problems
from scanner.routing import Route

router = APIRouter(prefix="/v1/policies", tags=["policy"], route_class=Route)


@router.get(
    "",
    response_model=schemas.Policies,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_policies(
    _caller: CallerDep, service: ServiceDep, _limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """List the policy packs: the active one, and the rules by which tracks are judged."""
    pack = service.pack
    if cursors.decode("policies", cursor, str) is not None:
        return {"items": [], "next_cursor": None}
    shown = {
        "id": pack.id,
        "name": pack.name,
        "content_hash": pack.content_hash,
        "description": pack.description,
        "active": True,
        "thresholds": pack.thresholds,
        "rules": [
            {
                "id": rule.id,
                "title": rule.title,
                "phase": rule.phase,
                "outcome": rule.outcome,
                "legal_basis": list(rule.legal_basis),
            }
            for rule in pack.rules
        ],
    }
    return {"items": [shown], "next_cursor": None}
