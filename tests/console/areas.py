"""What each area of the console brings to the tests that hold for all pages.

A module ``area_*.py`` beside this one has ``ROUTES`` (method and path: the roles that may), ``PAGES`` (role: name: address
of what axe-core and the camera look at) and ``fill(world)``, which makes what its addresses name and returns their ids.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.console.conftest import World


@dataclass(frozen=True)
class Area:
    name: str
    routes: dict[tuple[str, str], set[str | None]]
    pages: dict[str | None, dict[str, str]]
    fill: "Callable[[World], dict[str, str]]"


def areas() -> list[Area]:
    found = []
    for path in sorted(Path(__file__).parent.glob("area_*.py")):
        module = import_module(f"tests.console.{path.stem}")
        found.append(Area(path.stem, module.ROUTES, module.PAGES, module.fill))
    return found


def pages() -> list[tuple[str, str | None, dict[str, str]]]:
    """Each area's pages, a role at a time."""
    return [(area.name, role, named) for area in areas() for role, named in area.pages.items()]
