"""A match as a picture: both waveforms, the path between them, and how alike every two moments are.

Values in, bytes out. Matplotlib is loaded with the first picture; its object interface is used with
a backend for each format, and one picture is drawn at a time, since it keeps state in its modules.
"""

import contextlib
import io
import re
import textwrap
import threading
import warnings
import xml.sax.saxutils
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

import fingerprint
from fingerprint.waveform import COLUMNS_PER_SECOND
from scanner.errors import ScannerError
from scanner.sentences import clock
from scanner.wording import Told

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Format = Literal["png", "svg"]
FORMATS: Final[tuple[Format, ...]] = ("png", "svg")
Side = Literal["track", "reference"]

INK: Final = "#1a1a1a"
QUIET: Final = "#6b6b6b"
TRACK: Final = "#0072b2"
REFERENCE: Final = "#4d4d4d"
PATH: Final = "#d55e00"
"""Blue and vermilion of Okabe and Ito, and grey: told apart with any colour vision."""
SHADE: Final = 0.16
HEAT: Final = "Greys"
HEADROOM: Final = 1.25
"""A strip is so much higher than its waveform, that the shade is seen beside a loud one."""
QUIETEST: Final = 0.01
"""No waveform is enlarged as if its loudest sample were less."""
SIZE: Final = (10.0, 10.4)
DOTS: Final = 110
POINTS_PER_INCH: Final = 72
TITLE_POINTS: Final = 17
"""So high is a strip's title, with the space around it."""
NAME_LENGTH: Final = 48
TITLE_WIDTH: Final = 92
_BEHIND_A_WAVEFORM: Final = 0.5
"""And in front of an image."""
_MEASURES: Final = {
    "words": "share of equal bits of Chromaprint's words",
    "peaks": "coinciding spectral peaks",
    "vectors": "cosine of the vectors",
    "chroma": "cosine of the pitch classes",
}
_SHOWN: Final = {
    "peaks": "spectral peaks, low to high",
    "chroma": "pitch classes, C to B",
    "words": "bits of Chromaprint's words",
}
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_drawing: Final = threading.Lock()


class NothingToDrawError(ScannerError):
    """There is no match to draw a picture of, or nothing of it to show."""


@dataclass(frozen=True, eq=False)
class MatchPicture:
    """What a picture of one match shows.

    Parameters
    ----------
    kind : {"recording", "composition"}
    sentence : str
        The match in plain words: the picture's heading and its text for those who don't see it.
    segments : tuple of Segment
        At least one; the similarity is shown around the longest.
    track, reference : Fingerprint
    samples : float32 array, shape (channels, n), optional
        The track's, drawn where one of the two fingerprints holds no waveform. Without them each
        side's is drawn as its fingerprint holds it; where there is none, what else that holds.
    sample_rate : int, optional
        In Hz; beside samples.
    """

    kind: Literal["recording", "composition"]
    sentence: str
    score: float
    segments: tuple[fingerprint.Segment, ...]
    track: fingerprint.Fingerprint
    reference: fingerprint.Fingerprint
    track_name: str
    reference_name: str
    samples: NDArray[np.float32] | None = None
    sample_rate: int | None = None

    def print_of(self, side: Side) -> fingerprint.Fingerprint:
        """The fingerprint of one side."""
        return self.track if side == "track" else self.reference

    @property
    def longest(self) -> fingerprint.Segment:
        """The segment around which the similarity is shown."""
        return max(self.segments, key=lambda each: each.query_end - each.query_start)


def draw(picture: MatchPicture, form: Format) -> bytes:
    """Draw a match.

    Parameters
    ----------
    picture : MatchPicture
    form : {"png", "svg"}
        An SVG has its text as text, and title and description for screen readers.

    Raises
    ------
    NothingToDrawError
        If the two fingerprints hold nothing around the segment that can be compared.
    """
    try:
        likeness = fingerprint.compared(
            picture.track, picture.reference, picture.longest, kind=picture.kind
        )
    except fingerprint.TooShortError as error:
        raise NothingToDrawError(
            Told("of this match nothing can be drawn: %(error)s", error=error)
        ) from error
    title = _printable(f"{picture.sentence[0].upper()}{picture.sentence[1:]}.")
    description = (
        f"Above: {_printable(picture.track_name)} and {_printable(picture.reference_name)} over "
        f"time, as waveforms where they are known, with bands between the places that match. "
        f"Below: how alike every moment of the one is to every moment of the other, by "
        f"{_MEASURES[likeness.measure]}; the match is a line with a mean of "
        f"{likeness.on_line:.2f}. Score {picture.score:.3f}."
    )
    with _drawing:
        # A box stands for a letter that the font lacks; an SVG has it as text.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = _figure(picture, likeness, title)
        file = io.BytesIO()
        if form == "png":
            metadata = {"Title": title, "Description": description, "Software": None}
            figure.savefig(file, format="png", dpi=DOTS, metadata=metadata)
            return file.getvalue()
        import matplotlib as mpl

        mpl.rcParams["svg.fonttype"] = "none"
        mpl.rcParams["svg.hashsalt"] = "clearance"  # the same picture is the same bytes
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return _accessible(file.getvalue().decode(), title, description).encode()


def _accessible(svg: str, title: str, description: str) -> str:
    """Name and describe a drawing for those who hear it."""
    start = svg.index("<svg")
    head_end = svg.index(">", start) + 1
    named = (
        svg[start : head_end - 1] + ' role="img" aria-labelledby="title description">'
        f'<title id="title">{xml.sax.saxutils.escape(title)}</title>'
        f'<desc id="description">{xml.sax.saxutils.escape(description)}</desc>'
    )
    return svg[:start] + named + svg[head_end:]


def _figure(picture: MatchPicture, likeness: fingerprint.Similarity, title: str) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, facecolor="white")
    FigureCanvasAgg(figure)
    heading = _heading(title)
    said: dict[str, Any] = {"va": "top", "color": INK, "parse_math": False}
    figure.text(0.07, 0.98, "\n".join(heading), size=12, **said)
    below_heading = 0.972 - 0.0215 * len(heading)
    sure = f"probability that the match is real: {_percent(picture.score)}"
    figure.text(0.07, below_heading, sure, size=9.5, **said | {"color": QUIET})
    top = below_heading - 0.048
    above = figure.add_gridspec(2, 1, top=top, bottom=0.635, hspace=0.75, left=0.07, right=0.97)
    below = figure.add_gridspec(
        2,
        3,
        top=0.545,
        bottom=0.055,
        width_ratios=(1, 6, 0.16),
        height_ratios=(1, 5),
        hspace=0.04,
        wspace=0.05,
        left=0.07,
        right=0.92,
    )
    own, theirs = figure.add_subplot(above[0]), figure.add_subplot(above[1])
    _overview(own, picture, "track")
    _overview(theirs, picture, "reference")
    for segment in picture.segments:
        _band(figure, own, theirs, segment)
    matrix = figure.add_subplot(below[1, 1])
    _matrix(figure, matrix, figure.add_subplot(below[1, 2]), picture, likeness)
    _side(figure.add_subplot(below[0, 1]), matrix, picture, "track")
    _side(figure.add_subplot(below[1, 0]), matrix, picture, "reference")
    return figure


def _heading(title: str) -> list[str]:
    """Break a title into lines, so that its last word does not stand alone where others are."""
    broken = [
        textwrap.wrap(title, width, max_lines=4, placeholder=" …")
        for width in range(TITLE_WIDTH, TITLE_WIDTH // 2, -1)
    ]
    good = (lines for lines in broken if len(lines) == 1 or " " in lines[-1])
    return next(good, broken[0])


def _overview(axes: "Axes", picture: MatchPicture, side: Side) -> None:
    """One whole side over time, with the places that match."""
    duration = picture.print_of(side).duration
    name = picture.track_name if side == "track" else picture.reference_name
    shown = _strip(axes, picture, side, 0.0, duration)
    what = "your track" if side == "track" else "reference"
    axes.set_title(
        f"{what}: {_short(name)} ({shown})",
        loc="left",
        size=9.5,
        color=INK,
        pad=3,
        parse_math=False,
    )
    axes.set_xlim(0, duration)
    _time(axes, "x")
    for segment in picture.segments:
        start, end = _ends(segment, side)
        axes.axvspan(start, end, color=PATH, alpha=SHADE, lw=0, zorder=_BEHIND_A_WAVEFORM)
        for edge in (start, end):
            axes.axvline(edge, color=PATH, lw=0.8)


def _side(axes: "Axes", matrix: "Axes", picture: MatchPicture, side: Side) -> None:
    """One side beside the matrix, along the matrix' own axis."""
    upright = side == "reference"
    start, end = matrix.get_ylim() if upright else matrix.get_xlim()
    _strip(axes, picture, side, start, end, upright=upright)
    if upright:
        axes.set_ylim(start, end)
        axes.set_ylabel("time in the reference", size=9.5, color=INK)
        _time(axes, "y")
    else:
        axes.set_xlim(start, end)
        axes.set_xticks([])
        axes.set_title("time in your track", size=9.5, color=INK, loc="center", pad=4)
    low, high = _ends(picture.longest, side)
    for edge in (low, high):
        (axes.axhline if upright else axes.axvline)(edge, color=PATH, lw=0.8)


def _strip(
    axes: "Axes",
    picture: MatchPicture,
    side: Side,
    start: float,
    end: float,
    *,
    upright: bool = False,
) -> str:
    """Draw the sound of a side between two moments; say what was drawn."""
    axes.set_yticks([])
    axes.set_xticks([])
    _frame(axes)
    print_ = picture.print_of(side)
    color = TRACK if side == "track" else REFERENCE
    wave, what = _known_wave(picture, side, start, end)
    if wave is not None:
        _wave(axes, wave, color, upright=upright)
        return what
    drawn = fingerprint.portrait(print_, start, end)
    _image(axes, drawn, "Blues" if side == "track" else HEAT, upright=upright)
    return f"no waveform was kept; {_SHOWN[drawn.shows]}"


def _known_wave(
    picture: MatchPicture, side: Side, start: float, end: float
) -> tuple[fingerprint.Envelope | None, str]:
    """Return a side's waveform between two moments, and in words which one it is.

    Equal sounds look equal only in equal steps: where both sides' waveforms are kept, both are
    drawn by them. Samples may end before their fingerprint does, if another decoder gave them.
    """
    kept = picture.print_of(side).waveform
    if side == "track" and not (kept and picture.reference.waveform):
        with contextlib.suppress(fingerprint.UnusableAudioError):
            if picture.samples is not None and picture.sample_rate is not None:
                heard = fingerprint.envelope(picture.samples, picture.sample_rate, start, end)
                return heard, "waveform"
    if not kept:  # a stranger may send an empty one
        return None, ""
    steps = f"waveform, kept in steps of {1 / COLUMNS_PER_SECOND:g} s"
    return fingerprint.kept_envelope(kept, start, end), steps


def _wave(axes: "Axes", wave: fingerprint.Envelope, color: str, *, upright: bool) -> None:
    """Draw a waveform as steps: no more is known of it."""
    axes.stairs(
        wave.high,
        np.linspace(wave.start, wave.end, len(wave.high) + 1),
        baseline=wave.low,
        orientation="horizontal" if upright else "vertical",
        fill=True,
        color=color,
        lw=0.3,
    )
    reach = HEADROOM * max(QUIETEST, float(max(-wave.low.min(), wave.high.max())))
    (axes.set_xlim if upright else axes.set_ylim)(-reach, reach)


def _image(axes: "Axes", drawn: fingerprint.Portrait, colours: str, *, upright: bool) -> None:
    """Draw what a fingerprint shows without a waveform."""
    values, extent = drawn.values, (drawn.start, drawn.end, 0.0, float(len(drawn.values)))
    if upright:
        values, extent = values.T, (*extent[2:], *extent[:2])
    axes.imshow(
        values,
        aspect="auto",
        origin="lower",
        extent=extent,
        cmap=colours,
        interpolation="antialiased",
        vmax=0.75 if drawn.shows == "peaks" else 1.0,
    )


def _band(figure: "Figure", own: "Axes", theirs: "Axes", segment: fingerprint.Segment) -> None:
    """Join a segment's place in the track with its place in the reference, down to its title."""
    from matplotlib.patches import Polygon

    points = theirs.get_window_extent().height / figure.dpi * POINTS_PER_INCH
    above_title = 1 + TITLE_POINTS / points

    def place(axes: "Axes", seconds: float, height: float) -> Any:
        data = axes.get_xaxis_transform().transform((seconds, height))
        return figure.transFigure.inverted().transform(data)

    corners = [
        place(own, segment.query_start, 0),
        place(own, segment.query_end, 0),
        place(theirs, segment.reference_end, above_title),
        place(theirs, segment.reference_start, above_title),
    ]
    figure.add_artist(
        Polygon(corners, closed=True, color=PATH, alpha=SHADE, lw=0, transform=figure.transFigure)
    )


def _matrix(
    figure: "Figure",
    axes: "Axes",
    bar: "Axes",
    picture: MatchPicture,
    likeness: fingerprint.Similarity,
) -> None:
    """Likeness of every two moments around the longest segment, and the paths through it."""
    values = likeness.values.T  # (reference moments, track moments)
    low = float(np.median(values))
    high = max(low + 0.05, float(np.percentile(values, 99.7)))
    image = axes.imshow(
        values,
        aspect="auto",
        origin="lower",
        extent=(*_edges(likeness.query_seconds), *_edges(likeness.reference_seconds)),
        cmap=HEAT,
        vmin=low,
        vmax=high,
        interpolation="nearest",
    )
    longest = picture.longest
    window = (
        _including(axes.get_xlim(), longest.query_start, longest.query_end),
        _including(axes.get_ylim(), longest.reference_start, longest.reference_end),
    )
    for segment in picture.segments:
        axes.plot(
            (segment.query_start, segment.query_end),
            (segment.reference_start, segment.reference_end),
            color=PATH,
            lw=1.1,
            ls=(0, (6, 5)),
            marker="o",
            ms=5,
            mfc="white",
            mew=1.2,
            clip_on=segment is not longest,  # which may end where the picture does
        )
    axes.set_xlim(window[0])
    axes.set_ylim(window[1])
    axes.set_yticks([])
    _frame(axes)
    _time(axes, "x")
    drawn = figure.colorbar(image, cax=bar)
    drawn.outline.set_visible(False)
    drawn.ax.tick_params(labelsize=8, colors=INK, length=2)
    drawn.set_label(_MEASURES[likeness.measure], size=9.5, color=INK)


def _edges(middles: NDArray[np.float64]) -> tuple[float, float]:
    half = (middles[1] - middles[0]) / 2 if len(middles) > 1 else 0.25
    return float(middles[0] - half), float(middles[-1] + half)


def _including(limits: tuple[float, float], start: float, end: float) -> tuple[float, float]:
    """Widen limits to a stretch: of its first and last second no moment's middle need be."""
    return min(limits[0], start), max(limits[1], end)


def _percent(score: float) -> str:
    return "over 99.9 %" if score > 0.999 else f"{100 * score:.1f} %"


def _ends(segment: fingerprint.Segment, side: Side) -> tuple[float, float]:
    if side == "track":
        return segment.query_start, segment.query_end
    return segment.reference_start, segment.reference_end


def _time(axes: "Axes", which: Literal["x", "y"]) -> None:
    """Write an axis' times as minutes and seconds."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(8, steps=[1, 2, 3, 6, 10], integer=True, min_n_ticks=2))
    axis.set_major_formatter(FuncFormatter(lambda seconds, _: clock(max(0.0, seconds))))
    axes.tick_params(axis=which, labelsize=8, colors=INK, length=2)


def _frame(axes: "Axes") -> None:
    for spine in axes.spines.values():
        spine.set_color("#c4c4c4")
        spine.set_linewidth(0.6)


def _short(name: str) -> str:
    """Cut a name, within a word if need be: names of files may be a single one."""
    whole = " ".join(_printable(name).split())
    return whole if len(whole) <= NAME_LENGTH else f"{whole[: NAME_LENGTH - 1].rstrip()}…"


def _printable(text: str) -> str:
    """Leave out what neither a font nor XML knows."""
    return _UNPRINTABLE.sub("\ufffd", text)
