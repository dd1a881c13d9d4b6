"""Junk is counted of every key, what detection tells by itself."""

from typing import Any

import numpy as np

from benchmarks.watermark_false_alarms import SCREENED, TAIL_LEAST, markdown, unscreened
from watermark import BuiltinWatermarker, DetectionParams, Key

ENGINE = BuiltinWatermarker(params=DetectionParams(speed=False, stretch=False))


def test_keys_that_detection_passes_over_are_searched_for() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 12 * 11025)).astype(np.float32)
    keys = [Key(bytes([number] * 16), str(number)) for number in range(3)]
    assert {mark.key_id for mark in unscreened(ENGINE, noise, 11025, keys)} == {"0", "1", "2"}
    assert ENGINE.detect(noise, 11025, keys) == []
    assert unscreened(ENGINE, np.zeros_like(noise), 11025, keys) == []


def test_the_tail_is_that_of_unscreened_searches() -> None:
    def row(condition: str, margin: float) -> dict[str, Any]:
        reading = {"key": 0, "kind": "A", "verdict": "candidate", "quality": 0.2}
        count = TAIL_LEAST + 1
        readings = [
            reading | {"payload": f"{number:032x}", "margin": margin + 1e-6 * (number - count / 2)}
            for number in range(count)
        ]
        return {
            "sha256": condition, "condition": condition, "seconds": 60, "keys": 1, "readings": readings
        }  # fmt: skip

    told = markdown([row("whole", -0.03), row(f"whole, 20 {SCREENED}", 0.2)])
    assert f"A B: {TAIL_LEAST + 1} messages, mean -0.0300" in told
    assert "| all, unscreened | 1 |" in told
    assert f"| whole, 20 {SCREENED} | 1 |" in told
