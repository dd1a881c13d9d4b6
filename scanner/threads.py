"""With how many threads a process computes: one, unless ``OMP_NUM_THREADS`` says otherwise.

The libraries of signals and search (OpenMP, BLAS) would start as many threads as there are processors, in every process, and
their threads wait by spinning. Tracks are spread over processes instead: two workers on two processors analysed 22 tracks of
four minutes a minute with as many threads as they chose and 32 with one each, and one worker alone 16 and 19.
"""

import os
from typing import Final

ONE_EACH: Final = {"OMP_NUM_THREADS": "1"}
"""Read by a library when it is loaded; BLAS reads it too."""


def bound() -> None:
    """Bound this process and those that it starts, before anything that computes is loaded."""
    for name, value in ONE_EACH.items():
        os.environ.setdefault(name, value)
