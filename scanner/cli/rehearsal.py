"""``policy``: test, check and explain packs of rules."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from scanner.cli.session import (
    DEFAULT_TENANT,
    NO,
    Json,
    TenantName,
    answering,
    caller_for,
    console,
    opened,
    say,
    table,
)

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
            ["Rule", "Line", "Problem", "Remedy"],
            [
                [str(each.rule or ""), str(each.line or ""), each.problem, each.remedy]
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
    """Show the tree of rules that decided a track, the values they saw, and what would flip it."""
    import policy
    from scanner import tracks
    from scanner.errors import NotFoundError
    from scanner.tables import PolicyDecision

    with opened() as service, service.database.reading() as session:
        caller = caller_for(service, tenant)
        track = tracks.find(session, caller.tenant_id, track_id)
        if track.decision_id is None:
            raise NotFoundError("decision of track", track_id)
        decision = session.get_one(PolicyDecision, track.decision_id)
        flips = None  # of a pack that is no longer here nothing can be tried
        pack = service.packs.that_made(session, decision)
        if pack is not None:
            facts = policy.Facts.model_validate(decision.facts)
            flips = [flip.to_json() for flip in policy.flips(pack, facts)]
    told = {**decision.explanation, "flips": flips}
    if as_json:
        say({"track_id": track_id, "facts": decision.facts, **told})
    else:
        console().print_json(data=told)
