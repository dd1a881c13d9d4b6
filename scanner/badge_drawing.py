"""A badge as a small drawing, with all of it as text for who can't see it."""

from collections.abc import Callable
from textwrap import wrap
from typing import Final
from xml.sax.saxutils import escape

from scanner.badges import Badge
from scanner.messages import Message

Say = Callable[[str], str]
WIDTH: Final = 340
_ROW: Final = 20
_LETTERS: Final = {700: 40, 400: 46}
"""What fits into a row of `WIDTH` at 11 pixels, by weight."""
_DARK: Final = "#1f2328"
_LIGHT: Final = "#ffffff"


def draw(badge: Badge, language: str = "en", say: Say = str) -> bytes:
    """Return the badge as SVG: its heading, who says so, and the first thing that is not known.

    Parameters
    ----------
    language : str
        BCP 47 tag of the words.
    say : callable
        Gives a message in that language.
    """
    heading = _heading(badge, say)
    weighed = [(heading, 700), (_sources(badge, say), 400), (_unknowns(badge, say), 400)]
    rows = [(row, weight) for text, weight in weighed for row in wrap(text, _LETTERS[weight])]
    height = _ROW * len(rows) + 8
    texts = "".join(
        f'<text x="10" y="{_ROW * n + 18}" font-weight="{weight}">{escape(row)}</text>'
        for n, (row, weight) in enumerate(rows)
    )
    known = [says.told(say) for says, _ in badge.known]
    told = " ".join([*known, f"{say('Not known')}:", *(each.told(say) for each in badge.not_known)])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xml:lang="{language}" width="{WIDTH}" '
        f'height="{height}" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="t d">'
        f'<title id="t">{escape(heading)}</title><desc id="d">{escape(told)}</desc>'
        f'<rect width="{WIDTH}" height="{height}" rx="4" fill="{_DARK}"/>'
        f'<g fill="{_LIGHT}" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f"{texts}</g></svg>"
    ).encode()


def _heading(badge: Badge, say: Say) -> str:
    said = badge.heading.told(say)
    return f"{say('Test only')} · {said}" if badge.sandbox else said


def _sources(badge: Badge, say: Say) -> str:
    by = tuple(Message(_SOURCES[each]) for each in dict.fromkeys(by for _, by in badge.known))
    if not by:
        return say("Nothing is known of how it was made")
    return Message("Known by: %(sources)s", sources=by).told(say)


def _unknowns(badge: Badge, say: Say) -> str:
    first, *more = badge.not_known
    matter = first.told(say).partition(":")[0].strip().rstrip(".")
    rest = f" (+{len(more)})" if more else ""
    return f"{say('Not known')}{rest}: {matter[:1].lower()}{matter[1:]}"


_SOURCES: Final = {
    "manifest": "its manifest",
    "mark": "a mark in its sound",
    "declaration": "a declaration",
}
