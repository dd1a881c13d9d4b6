"""A badge as a small drawing, with all of it as text for who can't see it."""

from typing import Final
from xml.sax.saxutils import escape

from scanner.badges import Badge

WIDTH: Final = 340
_ROW: Final = 20
_LETTERS: Final = 54
"""What fits into a row of `WIDTH` at 11 pixels."""
_DARK: Final = "#1f2328"
_LIGHT: Final = "#ffffff"


def draw(badge: Badge) -> bytes:
    """Return the badge as SVG: its heading, who says so, and the first thing that is not known."""
    rows = [_heading(badge), _sources(badge), _unknowns(badge)]
    height = _ROW * len(rows) + 8
    texts = "".join(
        f'<text x="10" y="{_ROW * n + 18}" font-weight="{400 if n else 700}">'
        f"{escape(_cut(row))}</text>"
        for n, row in enumerate(rows)
    )
    told = " ".join([*(says for says, _ in badge.known), "Not known:", *badge.not_known])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="t d">'
        f'<title id="t">{escape(rows[0])}</title><desc id="d">{escape(told)}</desc>'
        f'<rect width="{WIDTH}" height="{height}" rx="4" fill="{_DARK}"/>'
        f'<g fill="{_LIGHT}" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f"{texts}</g></svg>"
    ).encode()


def _heading(badge: Badge) -> str:
    return f"Test only · {badge.heading}" if badge.sandbox else badge.heading


def _sources(badge: Badge) -> str:
    by = list(dict.fromkeys(by for _, by in badge.known))
    return f"Known by {' and '.join(by)}" if by else "Nothing is known of how it was made"


def _unknowns(badge: Badge) -> str:
    first, *more = badge.not_known
    matter = first.partition(":")[0].rstrip(".")
    rest = f" (+{len(more)})" if more else ""
    return f"Not known{rest}: {matter[:1].lower()}{matter[1:]}"


def _cut(text: str) -> str:
    return text if len(text) <= _LETTERS else text[: _LETTERS - 1] + "…"
