"""``explain``: why a track was decided so, in words, as a picture, and at another threshold."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scanner.cli.session import (
    DEFAULT_TENANT,
    NO,
    USAGE,
    Json,
    TenantName,
    answering,
    caller_for,
    complain,
    console,
    opened,
    printable,
    say,
    shown,
)

if TYPE_CHECKING:
    from scanner.service import Service
    from scanner.tables import Track


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(explain)


@answering
def explain(
    track_id: Annotated[str, typer.Argument(metavar="TRACK", help="The track's id.")],
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", help="Draw a match into a .png or .svg file."),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option("--reference", metavar="ID", help="Draw the match with this one."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold", min=0, max=1, help="Also search again now, with this least score."
        ),
    ] = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Say why a track was decided as it was, with the places that matched."""
    from scanner import explanations, track_views, tracks
    from scanner.tables import PolicyDecision

    form = None if plot is None else _format(plot)
    with opened() as service:
        caller = caller_for(service, tenant)
        with service.database.reading() as session:
            track = tracks.find(session, caller.tenant_id, track_id)
            view = track_views.describe(session, [track])[0]
            decision = session.get(PolicyDecision, track.decision_id) if track.decision_id else None
            tree = decision.explanation if decision else None
        told: dict[str, Any] = {"sentences": [], "replay": None}
        if track.analysis_id is not None:
            told = explanations.explain(service, track, threshold=threshold)
        elif threshold is not None:
            complain("this track has no analysis yet: scan it first")
            raise typer.Exit(NO)
        if plot is not None and form is not None:
            _draw(service, track, plot, form, reference, threshold)
    if as_json:
        say(
            view
            | {"explanation": tree, "sentences": told["sentences"], "replay": told["replay"]}
            | ({} if plot is None else {"plot": shown(plot)})
        )
        return
    _print(view, told, (tree or {}).get("exempted", ()))
    if plot is not None:
        console().print(f"  drawn in {printable(shown(plot))}", soft_wrap=True)


def _format(plot: Path) -> Any:
    form = plot.suffix.lower().removeprefix(".")
    if form not in {"png", "svg"}:
        complain(f"{shown(plot)}: a picture is a .png or a .svg file")
        raise typer.Exit(USAGE)
    return form


def _draw(
    service: "Service",
    track: "Track",
    plot: Path,
    form: Any,
    reference: str | None,
    threshold: float | None,
) -> None:
    from scanner import explanations
    from scanner.match_picture import NothingToDrawError, draw

    try:
        drawn = draw(
            explanations.picture(service, track, reference_id=reference, threshold=threshold), form
        )
    except NothingToDrawError as error:
        complain(str(error))
        raise typer.Exit(NO) from error
    try:
        plot.write_bytes(drawn)
    except OSError as error:
        complain(f"{shown(plot)}: {error.strerror}")
        raise typer.Exit(USAGE) from error


def _print(
    view: dict[str, Any], told: dict[str, Any], exempted: Sequence[Mapping[str, Any]]
) -> None:
    out = console()
    out.print(
        f"{view['decision'] or 'no decision'}: track {view['track_id']} is {view['state']}",
        style="bold",
        soft_wrap=True,
    )
    for reason in view["reasons"]:
        out.print(f"  {reason['rule']}: {printable(reason['text'])}", soft_wrap=True)
    for each in exempted:
        out.print(f"  {each['rule']}: {printable(each['text'])}", soft_wrap=True)
    if view["problem"]:
        out.print(f"  {view['problem']['type']}: {view['problem']['detail']}", soft_wrap=True)
    for match, words in zip(view["matches"], told["sentences"], strict=False):
        out.print(f"  {printable(words)} (score {match['score']:.3f})", soft_wrap=True)
    if view["pack"]:
        out.print(f"  pack {view['pack']}, index {view['index_version']}", soft_wrap=True)
    replay = told["replay"]
    if replay is None:
        return
    out.print(
        f"a search now with a least score of {replay['threshold']:g}, "
        f"index {replay['index_version']}:",
        style="bold",
        soft_wrap=True,
    )
    for match in replay["matches"]:
        new = "" if match["recorded"] else "; not recorded"
        out.print(
            f"  {printable(match['sentence'])} (score {match['score']:.3f}{new})", soft_wrap=True
        )
    if not replay["matches"]:
        out.print("  nothing", soft_wrap=True)
    if replay["more"]:
        out.print(f"  and {replay['more']} more", soft_wrap=True)
