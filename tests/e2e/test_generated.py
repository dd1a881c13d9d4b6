"""A take from its platform's model to a stranger's copy of it, and back to the take (AIA-50-2)."""

import json
from pathlib import Path
from typing import Final

import httpx

from tests.marked import copied, voice, write
from tests.program import clearance, initialised, lines, serving

SPEED: Final = 1.02
"""By which the stranger's copy is faster."""


def passed_on(released: Path, target: Path) -> Path:
    """20 s from the middle, 2 % faster, encoded again as MP3 at 64 kbit/s."""
    return copied(released, target, start=12, seconds=20, speed=SPEED, bit_rate=64_000)


def test_a_copy_of_a_released_take_is_traced_to_the_take(tmp_path: Path) -> None:
    home = tmp_path / "home"
    key = initialised(home)["api_key"]
    take = write(tmp_path / "take.wav", 0.7 * voice(41, 40))
    made = {"model": "composer", "take_id": "take-7", "prompt_sha256": "cd" * 32, "seed": 7}
    (track,) = lines(
        clearance(home, "scan", take, "--generated", json.dumps(made), "--json", status=None)
    )
    assert (track["state"], track["origin"]) == ("released", "generated")
    with serving(home, workers=0) as served:
        delivered = httpx.get(
            f"{served.address}/v1/tracks/{track['track_id']}/audio?format=mp3",
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
        )
    assert delivered.status_code == 200
    released = tmp_path / "released.mp3"
    released.write_bytes(delivered.content)

    copy = passed_on(released, tmp_path / "copy.mp3")
    (found, original) = lines(
        clearance(home, "watermark", "detect", copy, take, "--json", status=1)
    )

    assert (found["watermarks"][0]["take_id"], found["watermarks"][0]["verdict"]) == (
        "take-7",
        "found",
    )
    assert not original["found"]  # it was never marked
