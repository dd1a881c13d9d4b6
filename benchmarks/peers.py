"""What others use to recognise recordings, behind the interface of `benchmarks.identification`.

Peers are no dependency of this project. ``pip install --target .bench/peers audfprint2==0.1.2 h5py``
brings the one below (MIT licence), which the benchmark finds there.
"""

import importlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import soundfile

from benchmarks.alterations import RATE, Samples
from benchmarks.systems import Found
from scripts.music_corpus import ROOT

PEERS: Final = ROOT / ".bench" / "peers"


class Audfprint:
    """Landmarks of spectral peaks after Ellis, with the defaults of its command line."""

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        sys.path.append(str(PEERS))
        core = "audfprint2.core"
        self._analyzer: Any = importlib.import_module(f"{core}.analyzer")
        self._hash_table: Any = importlib.import_module(f"{core}.hash_table")
        self._matcher: Any = importlib.import_module(f"{core}.matcher").Matcher()
        self._file = folder / "table.pklz"
        given = (str(self._file),) if self._file.exists() else ()
        self._table: Any = self._hash_table.HashTable(*given)

    def add(self, name: str, samples: Samples) -> None:
        self._table.store(name, self._hashes(samples, shifts=1))

    def build(self) -> int:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._table.save(str(self._file))
        return self._file.stat().st_size

    def identify(self, samples: Samples) -> list[Found]:
        hashes = self._hashes(samples, shifts=4)
        if not len(hashes):
            return []
        best: dict[str, Found] = {}
        frame = self._analyzer.N_HOP / 11025
        for which, count, skew, *_ in self._matcher.match_hashes(self._table, hashes):
            name = self._table.names[int(which)]
            if name not in best or best[name].score < count:
                best[name] = Found(
                    name,
                    float(count),
                    query_start=0.0,
                    reference_start=float(skew) * frame,
                    tempo_ratio=1.0,
                    pitch_semitones=0.0,
                )
        return sorted(best.values(), key=lambda each: -each.score)

    def _hashes(self, samples: Samples, shifts: int) -> Any:
        """Landmarks as the command makes them: of a file, four shifts of it for a query."""
        analyzer = self._analyzer.Analyzer()
        analyzer.shifts = shifts
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            soundfile.write(file.name, samples.T, RATE)
            return analyzer.wavfile2hashes(file.name)
