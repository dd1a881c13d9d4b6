"""Which shard holds a reference."""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from scanner.errors import BadOptionError
from scanner.settings_core import MOST_SHARDS


@dataclass(frozen=True)
class Shard:
    """One of ``count`` shards, by its number from 1; as text, ``2/8``.

    A reference belongs to the shard that BLAKE2b of its id names, modulo ``count``: alike in every process
    and version of Python, even whatever ids look like, and known without a table. Of twice as many
    shards, two hold what one of these does.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count <= MOST_SHARDS:
            raise BadOptionError(f"there is no shard {self}; of 8, the second is 2/8")

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def of(cls, text: str) -> "Shard":
        """Read ``2/8``.

        Raises
        ------
        BadOptionError
            If it is none, or there are more than ``MOST_SHARDS``.
        """
        found = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text)
        if found is None:
            raise BadOptionError(f"{text!r} is no shard; of 8, the second is 2/8")
        return cls(int(found[1]), int(found[2]))

    @property
    def folder_name(self) -> str:
        """Name of the folder of its index: one of another number or count is never taken for it."""
        return f"{self.number}-of-{self.count}"

    def holds(self, reference_id: str) -> bool:
        """Whether a reference belongs here."""
        digest = hashlib.blake2b(reference_id.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.number - 1


WHOLE: Final = Shard(1, 1)
"""Every reference."""
