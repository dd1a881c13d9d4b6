"""Write down the lines of all tunes, with which takes are compared.

Run: ``python -m generator.training.pieces``.
"""

import gzip
import json

from generator.training.tunes import MANIFEST, tunes
from generator.training_pieces import PIECES, Piece, to_bytes_of


def main() -> None:
    """Write them."""
    rows = json.loads(gzip.decompress(MANIFEST.read_bytes()))
    titles = {row[0]: row[1] for row in rows}
    to_bytes_of(
        (
            Piece(
                f"{titles[tune.id]} ({tune.id})" if titles[tune.id] else tune.id,
                [note.onset for note in tune.notes],
                [note.pitch for note in tune.notes],
                tune.bar,
            )
            for tune in tunes()
        ),
        PIECES,
    )


if __name__ == "__main__":
    main()
