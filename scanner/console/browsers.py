"""What kind of browser somebody is at: enough to recognise one's own sessions, and no more is kept."""

from typing import Final

_NAMES: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def kind_of(user_agent: str | None) -> str | None:
    """Return a browser's name and system, as "Firefox, Linux"; None for what is not known."""
    said = user_agent or ""
    found = [
        next((name for mark, name in table if mark in said), None) for table in (_NAMES, _SYSTEMS)
    ]
    return ", ".join(each for each in found if each) or None
