"""Copies the console's libraries out of node_modules, as the lock file pins them.

Run `npm ci --ignore-scripts` in scanner/console/assets first; then this from the repository's root. What is
copied is written down with the lock's integrity and the file's SHA-256 in `manifest.json`, so that a test
can hold the committed files against the lock without a network.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
ASSETS: Final = ROOT / "scanner" / "console" / "assets"
VENDORED: Final = ROOT / "scanner" / "console" / "static" / "vendor"
AXE: Final = ROOT / "tests" / "console" / "axe"
FILES: Final = {
    "@picocss/pico": {"css/pico.min.css": "pico.min.css", "LICENSE.md": "pico.LICENSE.md"},
    "htmx.org": {"dist/htmx.min.js": "htmx.min.js", "LICENSE": "htmx.LICENSE"},
    "wavesurfer.js": {
        "dist/wavesurfer.min.js": "wavesurfer.min.js",
        "dist/plugins/regions.min.js": "wavesurfer.regions.min.js",
        "LICENSE": "wavesurfer.LICENSE",
    },
}
TEST_FILES: Final = {
    "axe-core": {"axe.min.js": "axe.min.js", "LICENSE": "axe.LICENSE"},
}


def vendor(files: dict[str, dict[str, str]], target: Path) -> None:
    """Copy files of packages into a folder, with their manifest."""
    locked: dict[str, Any] = json.loads((ASSETS / "package-lock.json").read_text())["packages"]
    target.mkdir(parents=True, exist_ok=True)
    manifest = {}
    for package, wanted in files.items():
        entry = locked[f"node_modules/{package}"]
        folder = ASSETS / "node_modules" / package
        found = json.loads((folder / "package.json").read_text())["version"]
        if found != entry["version"]:
            raise SystemExit(f"{package} is {found}, locked is {entry['version']}: run npm ci")
        for source, name in wanted.items():
            shutil.copyfile(folder / source, target / name)
            manifest[name] = {
                "package": package,
                "version": entry["version"],
                "integrity": entry["integrity"],
                "sha256": hashlib.sha256((target / name).read_bytes()).hexdigest(),
            }
    (target / "manifest.json").write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")


def main() -> None:
    """Copy what the console serves, and what its tests need."""
    vendor(FILES, VENDORED)
    vendor(TEST_FILES, AXE)


if __name__ == "__main__":
    main()
