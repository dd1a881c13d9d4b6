"""What a client declares with a track: checked, bounded, and kept as evidence word for word."""

import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Annotated, Any, Final, Literal

from babel import Locale
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from stdnum import isrc as isrc_number
from stdnum.exceptions import ValidationError as NumberError

from policy.facts import PromptSignal
from scanner.ddex import parse_ern
from scanner.errors import ScannerError
from scanner.strict_json import strict_json
from scanner.wording import Told, wrong_with

# Regions, reserved and private codes that CLDR lists beside the countries of ISO 3166-1.
_NOT_COUNTRIES: Final = frozenset(
    {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}
)
_ISWC: Final = re.compile(r"T-?(\d{3})\.?(\d{3})\.?(\d{3})-?(\d)", re.ASCII)
MAX_LYRICS: Final = 50_000
MAX_ERRORS: Final = 50
"""As many are told at once; an answer must not outgrow its question."""


class DeclarationError(ScannerError):
    """Some fields can't be taken as they are.

    ``errors`` holds one ``{"field", "detail"}`` for each.
    """

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__("; ".join(f"{each['field']}: {each['detail']}" for each in errors))
        self.errors = errors


@cache
def countries() -> frozenset[str]:
    """Return the codes of ISO 3166-1 alpha-2, as CLDR lists them."""
    codes = (str(code) for code in Locale("en").territories)
    return frozenset(
        code for code in codes if len(code) == 2 and code.isalpha() and code not in _NOT_COUNTRIES
    )


def _country(code: str) -> str:
    if code not in countries():
        raise ValueError(
            Told("%(code)s is no ISO 3166-1 alpha-2 code, such as DE or US", code=repr(code[:20]))
        )
    return code


def _isrc(value: str) -> str:
    try:
        return str(isrc_number.validate(value))
    except NumberError:
        raise ValueError("an ISRC has twelve characters, as US-RC1-76-07839") from None


def _iswc(value: str) -> str:
    """Check an ISWC's form and check digit (ISO 15707)."""
    match = _ISWC.fullmatch(value.strip().upper())
    if match is None:
        raise ValueError("an ISWC looks like T-034.524.680-1")
    digits = [int(digit) for digit in "".join(match.groups()[:3])]
    check = (10 - (1 + sum(n * digit for n, digit in enumerate(digits, 1))) % 10) % 10
    if check != int(match.group(4)):
        raise ValueError("the ISWC's check digit is wrong")
    return f"T-{match.group(1)}.{match.group(2)}.{match.group(3)}-{check}"


def _from_json(value: Any) -> Any:
    """Take a list or an object that came as text in a form field."""
    if isinstance(value, str) and value.lstrip()[:1] in {"[", "{"}:
        try:
            return strict_json(value)
        except ValueError:
            raise ValueError(
                "send valid JSON (RFC 8259): finite numbers, no NUL, no lone surrogates"
            ) from None
    return value


def _codes(value: Any) -> Any:
    value = _from_json(value)
    if isinstance(value, str):
        return [code.strip() for code in value.split(",") if code.strip()]
    return value


def _without_nul(value: str) -> str:
    if "\0" in value:  # PostgreSQL can't keep it
        raise ValueError("a text holds no NUL character")
    return value


Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500, strip_whitespace=True),
    AfterValidator(_without_nul),
]
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strip_whitespace=True),
    AfterValidator(_without_nul),
]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Territory = Annotated[str, AfterValidator(_country)]
Part = Literal["none", "assisted", "generated"]


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Attestation(_Declared):
    """Who vouched for the right to use the track, under which words."""

    text_version: Name
    signer: Name
    at: AwareDatetime
    lawful_use: (
        Literal["quotation", "criticism", "review", "caricature", "parody", "pastiche"] | None
    ) = None
    statement: (
        Annotated[str, StringConstraints(max_length=2000), AfterValidator(_without_nul)] | None
    ) = None


class DeclaredLicence(_Declared):
    """A licence the client says it has; only one on record makes a match licensed."""

    licensor: Name
    scope: Text | None = None
    territories: Annotated[tuple[Territory, ...], Field(max_length=300)] = ()
    valid_from: date | None = None
    valid_to: date | None = None
    reference: Text | None = None

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> "DeclaredLicence":
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise ValueError("valid_to must not be before valid_from")
        return self


class DeclaredSource(_Declared):
    """A sample or recording that the track uses."""

    title: Text
    artist: Text | None = None
    isrc: Annotated[str, AfterValidator(_isrc)] | None = None
    start: Seconds | None = None
    end: Seconds | None = None
    licence: Text | None = None

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> "DeclaredSource":
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError("the end must be after the start")
        return self


class AiDisclosure(_Declared):
    """Which parts a machine made, by contribution (DDEX-A)."""

    vocals: Part = "none"
    instruments: Part = "none"
    composition: Part = "none"
    lyrics: Part = "none"
    post: Part = "none"


class Generated(_Declared):
    """What a model made, as its platform says: enough to tell later which take a sound is.

    A ``prompt`` is screened when the track is taken in; kept are its SHA-256 and what was found in it.
    """

    model: Name
    model_version: Name | None = None
    method: Literal["trained", "rule_based"] = "trained"
    take_id: Name | None = None
    prompt: Annotated[str, StringConstraints(min_length=1, max_length=5000)] | None = None
    prompt_signals: Annotated[tuple[PromptSignal, ...], Field(max_length=10)] = ()
    prompt_sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    parents: Annotated[tuple[Name, ...], Field(max_length=50)] = ()
    credits: Annotated[tuple[Name, ...], Field(max_length=50)] = ()
    licensee: Name | None = None


class Declaration(_Declared):
    """All that may be said about a track when it is submitted."""

    external_id: Name | None = None
    account: Name | None = None
    territories: Annotated[
        tuple[Territory, ...], BeforeValidator(_codes), Field(max_length=300)
    ] = ()
    age_band: Literal["child", "teen", "adult"] | None = None
    language: Literal["en", "de", "fr", "es"] | None = None
    licences: Annotated[
        tuple[DeclaredLicence, ...], BeforeValidator(_from_json), Field(max_length=100)
    ] = ()
    sources: Annotated[
        tuple[DeclaredSource, ...], BeforeValidator(_from_json), Field(max_length=200)
    ] = ()
    attestation: Annotated[Attestation | None, BeforeValidator(_from_json)] = None
    attestation_refused: bool = False
    lyrics: (
        Annotated[str, StringConstraints(max_length=MAX_LYRICS), AfterValidator(_without_nul)]
        | None
    ) = None
    isrc: Annotated[str, AfterValidator(_isrc)] | None = None
    iswc: Annotated[str, AfterValidator(_iswc)] | None = None
    ern: Annotated[dict[str, Any] | None, BeforeValidator(parse_ern)] = None
    ai_disclosure: Annotated[AiDisclosure | None, BeforeValidator(_from_json)] = None
    generated: Annotated[Generated | None, BeforeValidator(_from_json)] = None

    @model_validator(mode="after")
    def _attests_or_refuses(self) -> "Declaration":
        if self.attestation_refused and self.attestation is not None:
            raise ValueError("send either an attestation, or that it was refused")
        return self

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> "Declaration":
        """Check what a client sent; lists and objects may come as JSON text from a form.

        Raises
        ------
        DeclarationError
            Naming every field that is wrong and what it should be.
        """
        given = {
            name: value
            for name, value in fields.items()
            if name not in cls.model_fields or (value is not None and value != "")
        }
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise DeclarationError(
                [
                    {
                        "field": ".".join(str(part)[:100] for part in each["loc"]) or "body",
                        "detail": _plain(each, each["loc"]),
                    }
                    for each in error.errors(include_url=False, include_input=False)[:MAX_ERRORS]
                ]
            ) from None

    def to_json(self) -> dict[str, Any]:
        """Return what was declared, without what was not."""
        return self.model_dump(mode="json", exclude_none=True, exclude_unset=True)


_PARTS: Final[Mapping[str, type[_Declared]]] = {
    "attestation": Attestation,
    "licences": DeclaredLicence,
    "sources": DeclaredSource,
    "ai_disclosure": AiDisclosure,
    "generated": Generated,
}


def _plain(found: Mapping[str, Any], place: tuple[int | str, ...]) -> str:
    if found["type"] == "extra_forbidden":
        part = Declaration if len(place) == 1 else _PARTS[str(place[0])]
        return Told(
            "unknown field; there are: %(model_fields)s",
            model_fields=", ".join(sorted(part.model_fields)),
        )
    return wrong_with(found)
