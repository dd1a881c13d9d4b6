"""Where something holds: some territories, or everywhere but some."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from policy.core_texts import SOURCE, say

Territory = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2 code")]

REST: Final = "*"


@dataclass(frozen=True, slots=True)
class Area:
    """A set of territories, finite or the complement of a finite one.

    Parameters
    ----------
    codes : frozenset of str
        ISO 3166-1 alpha-2 codes.
    complement : bool
        If true, everywhere but ``codes``. ``"*"``, the rest of the world, is in such an area.
    """

    codes: frozenset[str] = frozenset()
    complement: bool = False

    @classmethod
    def of(cls, codes: Iterable[str]) -> "Area":
        """Area of a declared list, in which none named means everywhere."""
        named = frozenset(codes)
        return cls(named, complement=not named)

    def __contains__(self, code: str) -> bool:
        return (code in self.codes) is not self.complement

    def __bool__(self) -> bool:
        return self.complement or bool(self.codes)

    def __invert__(self) -> "Area":
        return Area(self.codes, not self.complement)

    def __and__(self, other: "Area") -> "Area":
        if other.complement and not other.codes:
            return self
        if self.complement and other.complement:
            return Area(self.codes | other.codes, complement=True)
        if self.complement:
            return Area(other.codes - self.codes)
        if other.complement:
            return Area(self.codes - other.codes)
        return Area(self.codes & other.codes)

    def __or__(self, other: "Area") -> "Area":
        return ~(~self & ~other)

    def __sub__(self, other: "Area") -> "Area":
        return self & ~other

    @property
    def territories(self) -> tuple[str, ...]:
        """Codes named, sorted; none means everywhere but ``excepted``."""
        return () if self.complement else tuple(sorted(self.codes))

    @property
    def excepted(self) -> tuple[str, ...]:
        """Codes left out of everywhere, sorted."""
        return tuple(sorted(self.codes)) if self.complement else ()

    def __str__(self) -> str:
        return self.named(SOURCE)

    def named(self, language: str) -> str:
        """Return it in words, territories by their codes."""
        codes = ", ".join(sorted(self.codes))
        if not self.complement:
            return codes or say("nowhere", language)
        return say("everywhere-except" if codes else "everywhere", language, codes)


EVERYWHERE: Final = Area(complement=True)
NOWHERE: Final = Area()
