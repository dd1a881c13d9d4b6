"""``policy``: test, check and explain packs of rules."""

from dataclasses import asdict
from pathlib import Path
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
    printable,
    say,
    table,
)

if TYPE_CHECKING:
    from scanner.tables import PolicyDecision

app = typer.Typer(help="Packs of rules.", no_args_is_help=True)
PackPath = Annotated[
    Path,
    typer.Argument(
        metavar="PACK", exists=True, dir_okay=False, readable=True, help="A pack's YAML file."
    ),
]


@app.command()
@answering
def test(pack: PackPath, as_json: Json = False) -> None:
    """Run a pack's own cases."""
    import policy

    results = policy.test_pack(policy.load_pack(pack))
    if not results:
        complain("the pack has no tests, so nothing was shown: add cases under `tests`")
        raise typer.Exit(NO)
    failed = [result for result in results if not result.passed]
    if as_json:
        for result in results:
            say(
                {
                    "name": result.name,
                    "line": result.line,
                    "passed": result.passed,
                    "differences": result.differences,
                    "decision": result.decision.decision,
                }
            )
    else:
        table(
            ["Case", "Passed", "Decision", "Differences"],
            [
                [
                    result.name,
                    "yes" if result.passed else "NO",
                    result.decision.decision,
                    "\n".join(result.differences),
                ]
                for result in results
            ],
        )
    raise typer.Exit(NO if failed else 0)


@app.command()
@answering
def lint(pack: PackPath, as_json: Json = False) -> None:
    """Look for mistakes in a pack."""
    import policy

    findings = policy.lint_pack(policy.load_pack(pack))
    if as_json:
        for finding in findings:
            say(asdict(finding))
    elif findings:
        table(
            ["Rule", "Line", "Kind", "Problem", "Remedy"],
            [
                [str(each.rule or ""), str(each.line or ""), each.kind, each.problem, each.remedy]
                for each in findings
            ],
        )
    else:
        print("nothing found")
    raise typer.Exit(NO if findings else 0)


@app.command()
@answering
def screen(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="A request for music.")],
    protected: Annotated[
        list[str] | None,
        typer.Option("--protect", metavar="NAME", help="Look for this name too; repeat it."),
    ] = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Say whether a prompt may be answered, or which words stand against it."""
    from scanner import prompts

    with opened() as service, service.database.reading() as session:
        caller = caller_for(service, tenant)
        screened = prompts.screen(service, session, caller.tenant_id, prompt, protected or ())
    if as_json:
        say(prompts.describe(screened))
    elif screened.accepted:
        print("accepted")
    else:
        table(
            ["Signal", "Words", "Protects"],
            [[each.signal, each.words, each.protects or ""] for each in screened.objections],
        )
        print("\n".join(screened.rephrase))
    raise typer.Exit(0 if screened.accepted else NO)


@app.command()
@answering
def explain(
    track_id: Annotated[str, typer.Argument(metavar="TRACK")],
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Show which rules decided a track, what they saw, what was exempted, and what would flip it."""
    from scanner import tracks
    from scanner.decision_replays import flips_of
    from scanner.errors import NotFoundError
    from scanner.privacy.erasure import refuse_erased
    from scanner.tables import PolicyDecision

    with opened() as service, service.database.reading() as session:
        caller = caller_for(service, tenant)
        track = tracks.find(session, caller.tenant_id, track_id)
        if track.decision_id is None:
            raise NotFoundError("decision of track", track_id)
        refuse_erased(session, track.id)
        decision = session.get_one(PolicyDecision, track.decision_id)
        flips = flips_of(service, session, decision)
    told = {**decision.explanation, "flips": flips}
    if as_json:
        say({"track_id": track_id, "facts": decision.facts, **told})
    else:
        _print_explained(decision, told)


def _print_explained(decision: "PolicyDecision", told: dict[str, Any]) -> None:
    """Print a decision for people; the tree of every rule is in the JSON."""
    where = ", ".join(f"{place}: {outcome}" for place, outcome in decision.outcomes.items())
    print(f"{decision.decision} ({where}), by {decision.pack}")
    for each in decision.reasons:
        print(f"\n{each['rule']}: {each.get('outcome', '')} {_where(each)}{_law(each)}")
        print(f"  {printable(each['text'])}")
        for name, value in _seen(each).items():
            print(f"  {name} = {value}")
    for each in told.get("exempted", ()):
        print(f"\n{each['rule']}: exempted {_where(each)}{_law(each)}")
        print(f"  {printable(each['text'])}")
    print(f"\n{_flips_told(told['flips'])}")
    print("--json has the tree of every rule with the values seen, and all facts")


def _flips_told(flips: list[dict[str, Any]] | None) -> str:
    if flips is None:
        return "What would flip it can't be told: no pack of rules that is here decided."
    if not flips:
        return "No single change of a fact that was read would flip it."
    told = ["What would flip it:"]
    for each in flips:
        of = f" of {each['reference_id']}" if each["reference_id"] else ""
        told.append(f"  {each['fact']}{of} {each['change']} -> {each['decision']}")
    return "\n".join(told)


def _law(each: dict[str, Any]) -> str:
    return f" ({', '.join(each['legal_basis'])})" if each.get("legal_basis") else ""


def _seen(reason: dict[str, Any]) -> dict[str, Any]:
    seen: dict[str, Any] = reason.get("evidence", {}).get("seen", {})
    return seen


def _where(each: dict[str, Any]) -> str:
    if each.get("territories"):
        return ", ".join(each["territories"])
    return f"all but {', '.join(each['except'])}" if each.get("except") else "everywhere"
