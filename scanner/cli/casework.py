"""``case``: what people should look at; a reviewer takes, decides and gives back by their login."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scanner.cli.session import (
    DEFAULT_TENANT,
    NO,
    Json,
    TenantName,
    answering,
    caller_for,
    complain,
    opened,
    say,
    tell,
    tell_all,
    tell_fields,
)

if TYPE_CHECKING:
    from appeals.tables import Case
    from scanner.callers import Caller
    from scanner.service import Service

app = typer.Typer(help="Cases: what people should look at, and decide.", no_args_is_help=True)

CaseId = Annotated[str, typer.Argument(metavar="ID", help="The case's id.")]
Login = Annotated[
    str,
    typer.Option(
        "--login",
        envvar="CLEARANCE_LOGIN",
        help="E-mail address of the reviewer or appeals officer who acts; the password is asked "
        "for, or in CLEARANCE_PASSWORD.",
    ),
]
Kind = Annotated[str | None, typer.Option("--kind", help="Only cases of this kind.")]
Text = Annotated[str, typer.Option("--text", help="What is said.")]


@app.command(name="list")
@answering
def list_(
    kind: Kind = None,
    state: Annotated[str | None, typer.Option(help="Only cases in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """List cases, most pressing first."""
    from sqlmodel import select

    from appeals.tables import Case
    from scanner import case_views, queues

    with opened() as service, service.database.reading() as session:
        caller = caller_for(service, tenant)
        query = select(Case).where(Case.tenant_id == caller.tenant_id)
        if kind is not None:
            query = query.where(Case.kind == kind)
        if state is not None:
            query = query.where(Case.state == state)
        found = session.exec(query.order_by(*queues.order()).limit(limit)).all()
        views = [case_views.shown(service, session, caller, each) for each in found]
    tell_all(
        views,
        as_json,
        {
            "Id": lambda view: view["id"],
            "Kind": lambda view: view["kind"],
            "State": lambda view: view["state"],
            "Due by law": lambda view: view["legal_due_at"] or "",
            "Reach": lambda view: str(view["reach"] or ""),
            "Opened": lambda view: view["opened_at"],
        },
    )


@app.command()
@answering
def show(case_id: CaseId, tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """Show a case with its reasons."""
    from appeals.tables import Case
    from scanner import case_views, matters

    with opened() as service, service.database.reading() as session:
        caller = caller_for(service, tenant)
        case = matters.find(session, Case, caller.tenant_id, case_id)
        view = case_views.whole(service, session, caller, case)
    tell_fields(view, as_json)


@app.command()
@answering
def lease(
    login: Login,
    case_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Without it: the most pressing one.")
    ] = None,
    kind: Kind = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Take a case for ten minutes, or hold it for ten more."""
    from scanner import cases

    with _acting(tenant, login) as (service, caller):
        if case_id is not None:
            case = cases.lease(service, caller, case_id)
        elif (found := cases.lease_next(service, caller, kind)) is not None:
            case = found
        else:
            complain("there is no case that you may take now")
            raise typer.Exit(NO)
        _tell(service, caller, case, as_json)


@app.command()
@answering
def release(
    case_id: CaseId, login: Login, tenant: TenantName = DEFAULT_TENANT, as_json: Json = False
) -> None:
    """Give a case back."""
    from scanner import cases

    _do(tenant, login, as_json, lambda service, who: cases.release(service, who, case_id))


@app.command()
@answering
def escalate(
    case_id: CaseId,
    login: Login,
    text: Text,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Pass a case up to an appeals officer."""
    from scanner import cases

    _do(tenant, login, as_json, lambda service, who: cases.escalate(service, who, case_id, text))


@app.command()
@answering
def verdict(
    case_id: CaseId,
    given: Annotated[str, typer.Argument(metavar="VERDICT", help="Such as release or block.")],
    login: Login,
    reason: Annotated[str, typer.Option("--reason", help="Code of a reason: `case reasons`.")],
    text: Annotated[
        str | None, typer.Option("--text", help="What is told besides the reason's own words.")
    ] = None,
    territory: Annotated[
        list[str] | None, typer.Option("--territory", help="ISO 3166; again for more; none: all.")
    ] = None,
    restriction: Annotated[
        list[str] | None,
        typer.Option("--restrict", help="monetise, or age=YEARS; again for more."),
    ] = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Decide a case that you hold, or check the verdict of another unseen."""
    from appeals.tables import Case
    from scanner import matters, second_reviews, verdicts
    from scanner.verdicts import Verdict

    wanted = Verdict(
        given,
        reason,
        text,
        tuple(territory or ()),
        tuple(_restriction(each) for each in restriction or ()),
    )

    def decide(service: "Service", who: "Caller") -> "Case":
        with service.database.reading() as session:
            case = matters.find(session, Case, who.tenant_id, case_id)
        second = case.state == "second_review"
        return (second_reviews.answer if second else verdicts.decide)(service, who, case_id, wanted)

    _do(tenant, login, as_json, decide)


@app.command()
@answering
def undo(
    case_id: CaseId, login: Login, tenant: TenantName = DEFAULT_TENANT, as_json: Json = False
) -> None:
    """Take your verdict back before it takes effect."""
    from scanner import verdicts

    _do(tenant, login, as_json, lambda service, who: verdicts.undo(service, who, case_id))


@app.command()
@answering
def reasons(tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """List the reasons that a verdict can give."""
    from scanner import reasons as known

    with opened() as service, service.database.reading() as session:
        found = known.listed(session, caller_for(service, tenant).tenant_id)
    tell_all(
        [each.to_json() for each in found],
        as_json,
        {
            "Code": lambda view: view["code"],
            "Verdicts": lambda view: " ".join(view["verdicts"]),
            "Text": lambda view: view["texts"]["en"],
        },
    )


@app.command()
@answering
def skills(
    email: Annotated[str, typer.Argument(help="E-mail address of the reviewer's login.")],
    skill: Annotated[
        list[str] | None,
        typer.Option("--skill", help="A kind of case or a right; again for more; none: all."),
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option("--language", help="Such as de; again for more; none: all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say which cases a reviewer is for; those without a language or right are for everybody."""
    from scanner import cases

    with opened() as service:
        user = cases.set_skills(service, email, skill or [], language or [])
    view = {"email": user.email, "skills": user.skills, "languages": user.languages}
    tell_fields(view, as_json)


@app.command()
@answering
def appoint(
    case_id: CaseId,
    email: Annotated[str, typer.Argument(help="E-mail address of the login that may take it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it has to be this person.")],
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Let somebody decide a case although they did before, when nobody else is left."""
    from dataclasses import replace

    from scanner import appointments
    from scanner.keys import OPERATOR

    with opened() as service:
        caller = replace(caller_for(service, tenant), actor=OPERATOR)
        case = appointments.appoint(service, caller, case_id, email, reason)
    tell_fields({"id": case.id, "state": case.state, "appointed": email}, as_json)


@app.command()
@answering
def quality(tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """Show how far reviewers agree, and how often they find what is known."""
    from scanner import review_quality

    with opened() as service, service.database.reading() as session:
        report = review_quality.report(service, session, caller_for(service, tenant).tenant_id)
    if as_json:
        say(report)
    else:
        everybody = {"reviewer": "all", "verdicts": "", **report}
        tell_all([everybody, *report["reviewers"]], False, _QUALITY)


_QUALITY: dict[str, Callable[[Any], str]] = {
    "Reviewer": lambda view: str(view["reviewer"]),
    "Verdicts": lambda view: str(view["verdicts"]),
    "Checked": lambda view: str(view["second_reviews"]["pairs"]),
    "Kappa": lambda view: _rounded(view["second_reviews"]["kappa"]),
    "Golden": lambda view: f"{view['golden']['right']} of {view['golden']['answers']}",
}


def _rounded(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _restriction(text: str) -> dict[str, Any]:
    kind, _, value = text.partition("=")
    return {"kind": kind} | ({"min_age": int(value)} if value.isdigit() else {})


def _do(tenant: str, login: str, as_json: bool, move: "Callable[[Service, Caller], Case]") -> None:
    with _acting(tenant, login) as (service, caller):
        _tell(service, caller, move(service, caller), as_json)


def _tell(service: "Service", caller: "Caller", case: "Case", as_json: bool) -> None:
    from scanner import case_views

    with service.database.reading() as session:
        view = case_views.shown(service, session, caller, case)
    until = f" until {view['due_at']}" if view["due_at"] else ""
    tell(view, as_json, f"{view['id']}  {view['kind']}: {view['state']}{until}")


@contextmanager
def _acting(tenant: str, login: str) -> "Iterator[tuple[Service, Caller]]":
    """Open the service as a member of staff, who gives their password."""
    from dataclasses import replace

    from scanner import keys
    from scanner.journal import Actor

    with opened() as service:
        caller = caller_for(service, tenant)
        password = os.environ.get("CLEARANCE_PASSWORD") or typer.prompt(
            f"Password of {login}", hide_input=True, err=True
        )
        with service.database.reading() as session:
            only = service.settings.provider_only
            user = keys.check_password(session, login, password, provider_only=only)
        yield service, replace(caller, actor=Actor(user.id, user.role), user_id=user.id)
