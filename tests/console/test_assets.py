"""The libraries that are committed are those that the lock file pins, and no page asks for another."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

import scanner.console

CONSOLE: Final = Path(scanner.console.__file__).parent
VENDORED: Final = CONSOLE / "static" / "vendor"
AXE: Final = Path(__file__).parent / "axe"
LICENCES: Final = {"MIT", "0BSD", "BSD-3-Clause", "MPL-2.0"}


def manifest(folder: Path) -> dict[str, dict[str, str]]:
    read: dict[str, dict[str, str]] = json.loads((folder / "manifest.json").read_text())
    return read


@pytest.mark.parametrize("folder", [VENDORED, AXE], ids=["served", "for the tests"])
def test_committed_files_are_those_of_the_locked_packages(folder: Path) -> None:
    locked: dict[str, Any] = json.loads((CONSOLE / "assets" / "package-lock.json").read_text())
    listed = manifest(folder)
    assert {path.name for path in folder.iterdir()} == {*listed, "manifest.json"}
    for name, entry in listed.items():
        pinned = locked["packages"][f"node_modules/{entry['package']}"]
        assert (entry["version"], entry["integrity"]) == (pinned["version"], pinned["integrity"])
        assert pinned["license"] in LICENCES
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == entry["sha256"], name


def test_every_library_comes_with_its_licence() -> None:
    for folder in (VENDORED, AXE):
        listed = manifest(folder)
        licensed = {entry["package"] for name, entry in listed.items() if "LICENSE" in name}
        assert licensed == {entry["package"] for entry in listed.values()}


def test_templates_load_only_what_is_committed() -> None:
    for template in (CONSOLE / "templates").glob("*.html"):
        text = template.read_text()
        assert not re.search(r"""(src|href)=["']?(https?:)?//""", text), template.name
        for name in re.findall(r"static\('([^']+)'\)", text):
            assert (CONSOLE / "static" / name).is_file(), (template.name, name)
