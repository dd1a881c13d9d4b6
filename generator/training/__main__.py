"""Learn from the allowed books; write the weights and what the books' tunes measure.

Run: ``python -m generator.training`` (half a minute). One group of tunes in ten is held out and measured.
"""

import argparse
import hashlib
import json
import time
from pathlib import Path
from typing import Final

import numpy as np

from generator.statistics import figures
from generator.training.learning import learned, nats, pitch_events, rhythm_events
from generator.training.tunes import Tune, tunes
from generator.tune_model import WEIGHTS, TuneModel, to_bytes

CORPUS_FIGURES: Final = WEIGHTS.with_name("corpus_figures.json")


def measured(model: TuneModel, held_out: list[Tune]) -> dict[str, float]:
    """Cross-entropies in nats a symbol on tunes that nothing was learned from."""
    rhythm = nats(model.rhythm, (e for t in held_out if t.cell for e in rhythm_events(t)))
    pitch = nats(model.pitch, (e for t in held_out if t.cell for e in pitch_events(t)))
    return {
        "rhythm_nats": round(rhythm[0], 3),
        "pitch_nats": round(pitch[0], 3),
        "notes": pitch[1],
    }


def corpus_figures(some: list[Tune]) -> dict[str, list[float]]:
    """5th, 50th and 95th percentile of every figure."""
    rows = [figures(tune.notes, tune.bar) for tune in some if tune.cell]
    return {
        name: [
            round(float(each), 4) for each in np.percentile([r[name] for r in rows], (5, 50, 95))
        ]
        for name in rows[0]
    }


def main() -> None:
    """Learn, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    given = parser.parse_args()
    started = time.perf_counter()
    every = tunes()
    model = learned(tune for tune in every if not tune.held_out)
    written = to_bytes(model)
    given.out.write_bytes(written)
    own = corpus_figures(list(every))
    given.out.with_name(CORPUS_FIGURES.name).write_text(json.dumps(own, indent=1) + "\n")
    report = {
        "tunes": len(every),
        "held_out": sum(tune.held_out for tune in every),
        **measured(model, [tune for tune in every if tune.held_out]),
        "bytes": len(written),
        "sha256": hashlib.sha256(written).hexdigest(),
        "seconds": round(time.perf_counter() - started, 1),
        "figures": own,
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
