"""What a policy lead does with packs: uploads, proposes, rehearses, approves, puts in force, rolls back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from policy import PackMove
from scanner import backtest_runs, pack_checks, policies
from scanner.console.access import Allowed, ConsoleRoute, Posted
from scanner.console.identities import Identity
from scanner.console.navigation import LEADS, _
from scanner.console.pages.packs import pack_page, wanted_pack
from scanner.console.rendering import page, redirect
from scanner.dependencies import ServiceDep, is_id
from scanner.errors import NotFoundError, PackRefusedError
from scanner.problems import HttpError
from scanner.rollouts import id_of
from scanner.service import Service
from scanner.tables import PolicyPack
from scanner.wording import Told

router = APIRouter(
    prefix="/policies", route_class=ConsoleRoute, default_response_class=HTMLResponse
)
Lead = Annotated[Identity, Depends(Allowed(LEADS))]
DAYS: Final = (1, 7, 30, 90, 365)
"""How far back a backtest may go, to choose from."""
LONGEST_PACK: Final = 500_000
"""Characters of a text that is looked at."""


@dataclass(frozen=True)
class Numbered:
    """A line of an uploaded text, with what is to be mended in it."""

    number: int
    text: str
    findings: tuple[str, ...]


@router.get("/upload")
def read_upload(request: Request, identity: Lead) -> Response:
    """The form for a new pack."""
    return page(request, "lead_upload.html", text="", findings=None, lines=[])


@router.post("/upload")
def upload(request: Request, identity: Lead, service: ServiceDep, form: Posted) -> Response:
    """Look a text over; keep it as a draft, if that is asked for and it is a pack."""
    text = form.get("text", "").replace("\r\n", "\n")
    if len(text) > LONGEST_PACK:
        raise HttpError(
            "bad-fields",
            Told("a pack has at most %(longest_pack)s characters", longest_pack=LONGEST_PACK),
        )
    refused, findings = pack_checks.look(service, text)
    if form.get("do") == "keep" and not refused:
        kept = policies.add(service, identity.caller, text)
        return redirect(request, _address(kept))
    return page(
        request,
        "lead_upload.html",
        422 if refused else 200,
        text=text,
        findings=findings,
        lines=_numbered(text, findings),
    )


@router.post("/move")
def move(request: Request, identity: Lead, service: ServiceDep, form: Posted) -> Response:
    """Move a pack on, as it was when the page was read; what keeps it from being proposed is shown with it."""
    row = wanted_pack(service, identity, form.get("id", ""))
    try:
        moved = _moved(service, identity, row, form)
    except PackRefusedError as refused:
        return pack_page(request, service, identity, row, 422, refused=refused.findings)
    return redirect(request, _address(moved))


def _moved(
    service: Service, identity: Identity, row: PolicyPack, form: Mapping[str, str]
) -> PolicyPack:
    version, share = form.get("version", ""), form.get("share", "100")
    short = all(each.isdecimal() and len(each) < 10 for each in (version, share))
    if not short or not 1 <= int(share) <= 100:
        raise HttpError("bad-fields", "a share is 1 to 100 percent")
    caller, reason, expected = identity.caller, form.get("reason", "").strip(), int(version)
    wanted = form.get("move", "")
    if wanted in {PackMove.REJECT, PackMove.RETIRE, "rollback"} and not reason:
        raise HttpError("bad-fields", "say why: the reason is kept on record")
    match wanted:
        case PackMove.PROPOSE:
            return policies.propose(service, caller, row, expected_version=expected)
        case PackMove.APPROVE:
            return policies.approve(service, caller, row, expected_version=expected)
        case PackMove.REJECT:
            return policies.reject(service, caller, row, reason, expected_version=expected)
        case PackMove.SHADOW:
            return policies.shadow(service, caller, row, expected_version=expected)
        case PackMove.ACTIVATE:
            return policies.activate(
                service, caller, row, int(share) / 100, expected_version=expected
            )
        case PackMove.RETIRE:
            return policies.retire(service, caller, row, reason, expected_version=expected)
        case "rollback":
            return policies.rollback(service, caller, reason, undone=id_of(row))
    raise HttpError("bad-fields", "there is no such move")


@router.post("/backtest")
def begin_backtest(request: Request, identity: Lead, service: ServiceDep, form: Posted) -> Response:
    """Ask workers for a backtest."""
    days = form.get("days", "")
    if days not in {str(each) for each in DAYS}:
        raise HttpError("bad-fields", "choose how many days to go back")
    row = wanted_pack(service, identity, form.get("id", ""))
    since = service.now() - timedelta(days=int(days))
    run = backtest_runs.ask(service, identity.caller, row, since)
    return redirect(request, f"/policies/backtests/{run.id}")


@router.get("/backtests/{run}")
def read_backtest(
    request: Request,
    identity: Lead,
    service: ServiceDep,
    run: str,
) -> Response:
    """How far a backtest has come, and what came of it."""
    if not is_id(run):
        raise NotFoundError("backtest", "of this id")
    with service.database.reading() as session:
        found = backtest_runs.find(session, identity.caller.tenant_id, run)
        pack = session.get_one(PolicyPack, found.pack_id)
    return page(
        request,
        "lead_backtest.html",
        run=found,
        pack=pack,
        pack_address=_address(pack),
        working=found.state in backtest_runs.WORKING,
        run_states=RUN_STATES,
    )


def _address(row: PolicyPack) -> str:
    return f"/policies/pack?id={row.content_hash}"


def _numbered(text: str, findings: list[pack_checks.Found]) -> list[Numbered]:
    """Return the lines of a text that anything is to be mended in, with two on either side."""
    by_line: dict[int, list[str]] = {}
    for each in findings:
        if each.line is not None:
            by_line.setdefault(each.line, []).append(each.text)
    near = {line + step for line in by_line for step in range(-2, 3)}
    return [
        Numbered(number, line, tuple(by_line.get(number, ())))
        for number, line in enumerate(text.splitlines(), 1)
        if number in near
    ]


RUN_STATES: Final[Mapping[str, str]] = {
    "waiting": _("waiting for a worker"),
    "running": _("running"),
    "done": _("done"),
    "failed": _("failed"),
}
