"""Which notes a track and a matched reference play, one above the other, as a picture for a light or a dark page.

Values in, bytes out. Matplotlib is loaded with the first picture; one is drawn at a time.
"""

import io
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fingerprint import Chromagrams, Segment, Similarity
from scanner.sentences import clock

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH: Final = 10.0
STRIP_HEIGHT: Final = 0.72
"""Inches of a strip of height 1; the two of notes are three times as high."""
DOTS: Final = 110
KEPT: Final = 32
"""Pictures that a process keeps."""
NOTES: Final = ("C", "", "D", "", "E", "F", "", "G", "", "A", "", "B")
_INK: Final = {False: "#373c44", True: "#d5dae3"}
_GROUND: Final = {False: "#f4f6f9", True: "#1b222d"}
_TRACK: Final = {False: "#1f5fbf", True: "#7fb2ff"}
_REFERENCE: Final = {False: "#a34a00", True: "#ffb27a"}
_BAND: Final = {False: "#8a3ffc", True: "#c9a6ff"}


@dataclass(frozen=True)
class Words:
    """What stands above the strips, in the reader's language."""

    track: str
    reference: str
    likeness: str
    melodies: str
    by_second: str


_kept: OrderedDict[tuple[Any, ...], bytes] = OrderedDict()
_lock: Final = threading.Lock()


def kept(key: tuple[Any, ...]) -> bytes | None:
    """Return a picture that was drawn before under a key."""
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
        return _kept.get(key)


def draw(
    key: tuple[Any, ...],
    chroma: Chromagrams,
    similarity: Similarity | None,
    segment: Segment,
    words: Words,
    *,
    dark: bool,
) -> bytes:
    """Draw both sides, note by note, their melodies, and how alike they are from moment to moment, as a PNG.

    Parameters
    ----------
    key : tuple
        Under which the picture is kept.
    similarity : Similarity, optional
        Drawn second by second along the segment.
    dark : bool
        For a dark page: the ground is transparent.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with _lock:
        heights = {"track": 3.0, "reference": 3.0, "melodies": 2.4, "likeness": 1.2, "seconds": 1.2}
        if chroma.melodies is None:
            del heights["melodies"]
        if similarity is None:
            del heights["seconds"]
        height = STRIP_HEIGHT * sum(heights.values())
        figure = Figure(figsize=(WIDTH, height))
        FigureCanvasAgg(figure)
        grid = figure.add_gridspec(
            len(heights),
            1,
            height_ratios=[*heights.values()],
            hspace=0.4,
            left=0.05,
            right=0.985,
            top=1 - 0.28 / height,
            bottom=0.3 / height,
        )
        strips = {name: figure.add_subplot(grid[n]) for n, name in enumerate(heights)}
        _notes(strips["track"], chroma, chroma.query, words.track, _TRACK[dark], dark=dark)
        theirs = chroma.reference
        _notes(strips["reference"], chroma, theirs, words.reference, _REFERENCE[dark], dark=dark)
        if chroma.melodies is not None:
            _melodies(strips["melodies"], chroma, chroma.melodies, words.melodies, dark=dark)
        _curve(strips["likeness"], chroma, words.likeness, dark=dark)
        if similarity is not None:
            _seconds(strips["seconds"], similarity, words.by_second, dark=dark)
        for name, axes in strips.items():
            for edge in (segment.query_start, segment.query_end):
                axes.axvline(edge, color=_BAND[dark], lw=1.4, ls=(0, (5, 3)))
            axes.set_xlim(chroma.start, chroma.end)
            if name != [*strips][-1]:
                axes.set_xticklabels([])
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=DOTS, transparent=True, metadata={"Software": None})
        content = file.getvalue()
        _kept[key] = content
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return content


def _notes(
    axes: "Axes", chroma: Chromagrams, values: Any, title: str, colour: str, *, dark: bool
) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    axes.imshow(
        values,
        aspect="auto",
        origin="lower",
        extent=(chroma.start, chroma.end, -0.5, 11.5),
        cmap=LinearSegmentedColormap.from_list("side", [_GROUND[dark], colour]),
        vmin=0,
        vmax=1,
        interpolation="nearest",
    )
    axes.set_yticks([n for n, name in enumerate(NOTES) if name], [name for name in NOTES if name])
    _dress(axes, title, dark=dark)


def _melodies(
    axes: "Axes", chroma: Chromagrams, melodies: tuple[Any, Any], title: str, *, dark: bool
) -> None:
    """Draw both melodies, the reference's broad and behind the track's."""
    seconds = np.linspace(chroma.start, chroma.end, len(melodies[0]))
    for values, colour, size in (
        (melodies[1], _REFERENCE[dark], 6.0),
        (melodies[0], _TRACK[dark], 2.5),
    ):
        axes.plot(seconds, values, ls="none", marker="s", ms=size, mew=0, color=colour)
    axes.set_ylim(-0.7, 11.7)
    axes.set_yticks([n for n, name in enumerate(NOTES) if name], [name for name in NOTES if name])
    axes.set_facecolor(_GROUND[dark])
    _dress(axes, title, dark=dark)


def _seconds(axes: "Axes", similarity: Similarity, title: str, *, dark: bool) -> None:
    """Draw the likeness along the segment as a bar a second."""
    seconds, means = similarity.by_second()
    axes.bar(seconds, np.clip(means, 0, 1), width=0.9, align="edge", color=_BAND[dark], lw=0)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 1], ["0", "1"])
    axes.set_facecolor(_GROUND[dark])
    _dress(axes, title, dark=dark)


def _curve(axes: "Axes", chroma: Chromagrams, title: str, *, dark: bool) -> None:
    seconds = np.linspace(chroma.start, chroma.end, len(chroma.likeness))
    axes.fill_between(seconds, chroma.likeness, color=_BAND[dark], alpha=0.35, lw=0)
    axes.plot(seconds, chroma.likeness, color=_BAND[dark], lw=1)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 1], ["0", "1"])
    axes.set_facecolor(_GROUND[dark])
    _dress(axes, title, dark=dark)


def _dress(axes: "Axes", title: str, *, dark: bool) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_title(title, loc="left", size=10, color=_INK[dark], pad=4, parse_math=False)
    axes.tick_params(colors=_INK[dark], labelsize=8.5, length=2)
    axes.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 2, 3, 6, 10], integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: clock(max(0.0, seconds))))
    for spine in axes.spines.values():
        spine.set_visible(False)
