"""Charts as SVG pictures, each for a light and a dark page; what they show is said in a table beside them."""

import io
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_COLOURS: Final = {
    False: ("#1f5fbf", "#a34a00", "#6b2fd6"),
    True: ("#7fb2ff", "#ffb27a", "#c9a6ff"),
}
_INK: Final = {False: "#373c44", True: "#c2c7d0"}
_HATCHES: Final = ("", "////", "....")
"""Series are told apart without colour too."""


Box = tuple[float, float, float, float]
"""Of a bar: left, bottom, right, top."""


@dataclass(frozen=True)
class Look:
    """What page a chart is for: a dark one, one of a telephone."""

    dark: bool = False
    narrow: bool = False


BAR: Final = 0.8
"""Width of an upright bar, of the room that each has."""
_ONE_AT_A_TIME: Final = threading.Lock()
"""matplotlib's settings are the process's."""


def bars(names: Sequence[str], series: Mapping[str, Sequence[float]], *, look: Look) -> str:
    """Draw upright bars, stacked by series.

    Parameters
    ----------
    names : sequence of str
        Under each bar; an empty one is left out.
    """

    def draw(axes: Any) -> None:
        so_far = [0.0] * len(names)
        for (label, values), colour, hatch in zip(
            series.items(), _COLOURS[look.dark], _HATCHES, strict=False
        ):
            tops = [below + each for below, each in zip(so_far, values, strict=True)]
            boxes = [
                (place - BAR / 2, below, place + BAR / 2, above)
                for place, (below, above) in enumerate(zip(so_far, tops, strict=True))
            ]
            _fill(axes, boxes, label, colour, hatch)
            so_far = tops
        axes.set_xlim(-0.8, len(names) - 0.2)
        _name(axes, names, look)
        axes.set_ylim(0, max(1.0, 1.08 * max(so_far, default=0)))
        axes.yaxis.get_major_locator().set_params(integer=True)

    return _drawn(draw, list(series), look=look)


def shares(names: Sequence[str], series: Mapping[str, Sequence[float]], *, look: Look) -> str:
    """Draw lying bars from 0 to 100 %, series beside one another."""

    def draw(axes: Any) -> None:
        width = 0.8 / max(1, len(series))
        for n, ((label, values), colour, hatch) in enumerate(
            zip(series.items(), _COLOURS[look.dark], _HATCHES, strict=False)
        ):
            lower = [place + (n - 0.5) * width for place in range(len(names))]
            boxes = [
                (0.0, edge, 100 * each, edge + width)
                for edge, each in zip(lower, values, strict=True)
            ]
            _fill(axes, boxes, label, colour, hatch)
        axes.set_ylim(-0.5, len(names) - 0.1)
        axes.set_yticks([place + width * (len(series) - 1) / 2 for place in range(len(names))])
        axes.set_yticklabels(names)
        axes.invert_yaxis()
        axes.set_xlim(0, 100)
        axes.xaxis.set_major_formatter("{x:.0f} %")

    return _drawn(draw, list(series), look=look, height=1.0 + 0.45 * len(names))


def band(
    names: Sequence[str],
    low: Sequence[float],
    middle: Sequence[float],
    high: Sequence[float],
    *,
    look: Look,
) -> str:
    """Draw a line within a band, both from 0 to 1."""

    def draw(axes: Any) -> None:
        colour, places = _COLOURS[look.dark][0], range(len(names))
        axes.fill_between(places, low, high, color=colour, alpha=0.25, linewidth=0)
        axes.plot(places, middle, color=colour, marker="o", markersize=4)
        _name(axes, names, look)
        axes.set_ylim(0, 1.05)

    return _drawn(draw, [], look=look)


def _fill(axes: Any, boxes: Sequence[Box], label: str, colour: str, hatch: str) -> None:
    """Draw a series' bars as one thing: of a hundred patches each would be laid out and drawn by itself."""
    from matplotlib.collections import PolyCollection

    corners = [
        [(left, low), (right, low), (right, high), (left, high)] for left, low, right, high in boxes
    ]
    axes.add_collection(
        PolyCollection(corners, label=label, facecolor=colour, hatch=hatch, linewidth=0),
        autolim=False,
    )


def _name(axes: Any, names: Sequence[str], look: Look) -> None:
    """Write as many names below as there is room for."""
    step = max(1, len(names) // (4 if look.narrow else 8))
    places = range(0, len(names), step)
    axes.set_xticks(list(places))
    axes.set_xticklabels([names[place] for place in places])


def _drawn(draw: Any, labels: Sequence[str], *, look: Look, height: float = 2.6) -> str:
    with _ONE_AT_A_TIME:
        import matplotlib as mpl  # slow to load, and wanted by charts alone
        from matplotlib.figure import Figure

        ink = _INK[look.dark]
        settings: Any = {
            "svg.fonttype": "none",
            "svg.hashsalt": "clearance",
            "font.family": "sans-serif",
            "font.size": 10,
            "hatch.linewidth": 0.6,
            **dict.fromkeys(
                ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"),
                ink,
            ),
        }
        with mpl.rc_context(settings):
            figure = Figure(figsize=(3.6 if look.narrow else 7, height), layout="constrained")
            axes = figure.add_subplot()
            draw(axes)
            axes.spines[["top", "right"]].set_visible(False)
            if len(labels) > 1:
                figure.legend(frameon=False, ncols=len(labels), loc="outside upper left")
            text = io.StringIO()
            figure.savefig(
                text, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
            )
    svg = text.getvalue()
    return svg[svg.index("<svg") :]
