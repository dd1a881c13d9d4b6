"""``account``: the person behind an account: age, a parent's consent and controls."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from scanner.cli.session import (
    DEFAULT_TENANT,
    Json,
    TenantName,
    answering,
    caller_for,
    opened,
    tell,
    tell_all,
    tell_fields,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

    from scanner.callers import Caller
    from scanner.service import Service

Model = TypeVar("Model", bound="BaseModel")

app = typer.Typer(help="The people behind accounts: age, consent, controls.", no_args_is_help=True)
consent = typer.Typer(help="A parent's consent.", no_args_is_help=True)
app.add_typer(consent, name="consent")

Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The platform's name for it.")]
ConsentId = Annotated[str, typer.Argument(metavar="ID", help="The consent's id.")]
Scope = Annotated[
    list[str] | None,
    typer.Option(
        "--scope",
        help="upload, generate, publish, explicit, monetise or voice; again for more.",
    ),
]


@app.command()
@answering
def age(
    account: Account,
    band: Annotated[str | None, typer.Option(help="Vouch for: child, teen or adult.")] = None,
    birth_date: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Or a birth date, which is kept nowhere."),
    ] = None,
    method: Annotated[
        str,
        typer.Option(help="self-declared, parent, estimated, provider or document."),
    ] = "self-declared",
    level: Annotated[
        str | None, typer.Option(help="low, substantial or high; default: the method's best.")
    ] = None,
    country: Annotated[str | None, typer.Option(help="ISO 3166-1 code, such as DE.")] = None,
    issuer: Annotated[str | None, typer.Option(help="Who vouches.")] = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Show an account's age band; with --band or --birth-date, write down an assurance first."""
    from scanner import ages, people
    from scanner.schemas.people import AgeAsked

    with opened() as service:
        caller = caller_for(service, tenant)
        if band is not None or birth_date is not None:
            wanted = _checked(
                AgeAsked,
                {
                    "method": method,
                    "band": band,
                    "birth_date": birth_date.date() if birth_date else None,
                    "level": level,
                    "country": country,
                    "issuer": issuer,
                },
            )
            view = ages.assure(service, caller, account, ages.AgeSaid(**wanted.model_dump()))
        else:
            with service.database.reading() as session:
                found = people.find(session, caller.tenant_id, account)
                view = ages.describe(service, session, found)
    words = f"{view['id']}: {view['band']}"
    tell(view, as_json, f"{words}, {view['method']} ({view['level']})" if view["method"] else words)


@app.command()
@answering
def controls(
    account: Account,
    daily_generations: Annotated[
        int | None, typer.Option(min=0, help="At most so many generations a day.")
    ] = None,
    opens: Annotated[str | None, typer.Option(help="From this time on, as 08:00.")] = None,
    closes: Annotated[str | None, typer.Option(help="Until this time, as 20:00.")] = None,
    zone: Annotated[str, typer.Option(help="Time zone, as Europe/Berlin.")] = "UTC",
    explicit: Annotated[
        bool, typer.Option("--explicit/--no-explicit", help="Whether explicit tracks may be heard.")
    ] = True,
    publishing: Annotated[
        bool, typer.Option("--publishing/--no-publishing", help="Whether tracks may be published.")
    ] = True,
    show: Annotated[bool, typer.Option("--show", help="Change nothing.")] = False,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Set all of a parent's controls, as the options say; with --show, only show them."""
    from scanner import parental_controls, people
    from scanner.schemas.people import ControlsAsked

    with opened() as service:
        caller = caller_for(service, tenant)
        if show:
            with service.database.reading() as session:
                found = people.find(session, caller.tenant_id, account)
                view = parental_controls.describe(session, found)
        else:
            wanted = _checked(
                ControlsAsked,
                {
                    "daily_generations": daily_generations,
                    "opens": opens,
                    "closes": closes,
                    "zone": zone,
                    "explicit": explicit,
                    "publishing": publishing,
                },
            )
            set_ = parental_controls.ControlsSet(**wanted.model_dump())
            view = parental_controls.put(service, caller, account, set_)
    tell_fields(view, as_json)


@app.command()
@answering
def gates(account: Account, tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """Show what the person may do now, and what stands in the way."""
    from scanner import people

    with opened() as service, service.database.reading() as session:
        found = people.find(session, caller_for(service, tenant).tenant_id, account)
        views = [each.to_json() for each in people.gates(service, session, found.id)]
    tell_all(
        views,
        as_json,
        {
            "Act": lambda view: view["act"],
            "Outcome": lambda view: view["outcome"],
            "Why": lambda view: " ".join(each["text"] for each in view["reasons"]),
        },
    )


@consent.command(name="list")
@answering
def list_(account: Account, tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """List an account's consents, those that ended too."""
    from scanner import consents, people

    with opened() as service, service.database.reading() as session:
        found = people.find(session, caller_for(service, tenant).tenant_id, account)
        rows = consents.listed(session, found.id, limit=10_000)
        views = [consents.describe(session, row) for row in rows]
    tell_all(
        views,
        as_json,
        {
            "Id": lambda view: view["id"],
            "Guardian": lambda view: view["guardian"],
            "State": lambda view: view["state"],
            "Scopes": lambda view: ", ".join(view["scopes"]),
            "Expires": lambda view: view["expires_at"] or "",
        },
    )


@consent.command()
@answering
def request(
    account: Account,
    guardian: Annotated[str, typer.Option(help="The platform's name for the parent.")],
    text: Annotated[str, typer.Option(help="The words that the parent is shown.")],
    text_version: Annotated[str, typer.Option(help="Their version.")],
    scope: Scope = None,
    lasts_days: Annotated[
        int | None, typer.Option(min=1, help="How long consent lasts; none: until withdrawn.")
    ] = None,
    method: Annotated[
        str, typer.Option(help="How you make sure that who opens the link is the parent.")
    ] = "email-plus",
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Ask a parent: the token of their link is shown this once."""
    from scanner import consents
    from scanner.schemas.people import ConsentAskedOf

    wanted = _checked(
        ConsentAskedOf,
        {
            "guardian": guardian,
            "scopes": scope or [],
            "text": text,
            "text_version": text_version,
            "lasts_days": lasts_days,
            "method": method,
        },
    )
    with opened() as service:
        asked = consents.ConsentAsked(**wanted.model_dump() | {"scopes": tuple(wanted.scopes)})
        linked = consents.request(service, caller_for(service, tenant), account, asked)
        view = _view(service, linked)
    tell(view, as_json, f"{view['id']}  token {view['token']}")


@consent.command()
@answering
def grant(
    account: Account,
    consent_id: ConsentId,
    method: Annotated[str, typer.Option(help="How the parent was verified, as signed-form.")],
    scope: Scope = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Write down that the parent agrees, to all that was asked or to some scopes."""
    from scanner import consents
    from scanner.schemas.people import GrantAsked

    wanted = _checked(GrantAsked, {"method": method, "scopes": scope})
    with opened() as service:
        caller = caller_for(service, tenant)
        own = _own(service, caller, account, consent_id)
        view = _view(
            service, consents.grant(service, own, caller.actor, wanted.method, wanted.scopes)
        )
    tell(view, as_json, f"granted: {', '.join(view['scopes'])}")


@consent.command()
@answering
def withdraw(
    account: Account,
    consent_id: ConsentId,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Write down that the parent says no: what was allowed is pulled by the next worker."""
    from scanner import consents

    with opened() as service:
        caller = caller_for(service, tenant)
        own = _own(service, caller, account, consent_id)
        view = _view(service, consents.withdraw(service, own, caller.actor))
    tell(view, as_json, f"withdrawn: {', '.join(view['scopes'])}")


def _checked(model: type[Model], values: dict[str, Any]) -> Model:
    """Return what the options say, or raise ``BadOptionError`` with what is wrong about them."""
    from pydantic import ValidationError

    from scanner.errors import BadOptionError

    try:
        return model.model_validate(values)
    except ValidationError as error:
        told = [
            ": ".join(
                [
                    *(str(each).replace("_", "-") for each in wrong["loc"][:1]),
                    wrong["msg"].removeprefix("Value error, "),
                ]
            )
            for wrong in error.errors(include_input=False, include_url=False)
        ]
        raise BadOptionError("; ".join(told)) from None


def _own(service: "Service", caller: "Caller", account: str, consent_id: str) -> str:
    """Return the consent's id if it is one of the account's, or raise ``NotFoundError``."""
    from scanner import consents

    with service.database.reading() as session:
        return consents.of_platform(session, caller.tenant_id, account, consent_id).id


def _view(service: "Service", linked: Any) -> dict[str, Any]:
    from scanner import consents

    with service.database.reading() as session:
        return consents.describe(session, linked.consent) | {"token": linked.token}
