"""One installation with two references, shared by the tests that only read or add to it."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.program import clearance, initialised, lines
from tests.songs import RATE, song, write


@dataclass(frozen=True)
class Installation:
    """A home folder, its first API key, and music: two known songs and one unknown."""

    home: Path
    api_key: str
    first: Path
    second: Path
    excerpt: Path
    unknown: Path
    references: tuple[str, str]


@pytest.fixture(scope="session")
def music(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("music")
    first, second = song(1, 40), song(2, 40)
    return {
        "first": write(folder / "first.wav", first),
        "second": write(folder / "second.wav", second),
        "excerpt": write(folder / "excerpt.ogg", first[15 * RATE : 27 * RATE]),
        "unknown": write(folder / "unknown.flac", song(3, 20)),
    }


@pytest.fixture(scope="session")
def installation(music: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Installation:
    home = tmp_path_factory.mktemp("installation")
    made = initialised(home)
    added = lines(clearance(home, "reference", "add", music["first"], music["second"], "--json"))
    first, second = (each["reference_id"] for each in added)
    return Installation(home=home, api_key=made["api_key"], references=(first, second), **music)
