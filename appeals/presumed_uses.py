"""What a rights holder attests who has a presumed lawful use blocked before it is decided on (DE-URHDAG, § 14(4))."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

BASIS: Final = "DE-URHDAG"
TERRITORIES: Final = ("DE",)
"""Where the presumption holds."""
ATTESTATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "premature-block-1": (
            "I am a person and have looked at this use myself. It is not presumed lawful, and that it stays "
            "available would do considerable harm to the economic use of the work."
        ),
    }
)
"""Texts by version; a text that was published never changes."""
