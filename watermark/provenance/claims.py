"""What is to be said of a file, and how a manifest says it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from watermark.provenance.errors import BadClaimError
from watermark.provenance.manifest import SoftBinding
from watermark.provenance.vocabulary import OWN, SYNTHETIC, Relationship, SourceType

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_USES: Final = (
    "cawg.ai_generative_training",
    "cawg.ai_training",
    "cawg.ai_inference",
    "cawg.data_mining",
)


class TrainingUse(StrEnum):
    """Whether others may train models on the sound, or mine it."""

    ALLOWED = "allowed"
    NOT_ALLOWED = "notAllowed"
    CONSTRAINED = "constrained"


@dataclass(frozen=True)
class Making:
    """How sound came to be.

    Parameters
    ----------
    source_type : SourceType
        Said honestly: rules that were not learnt from works are no model.
    model, model_version : str
        System that made it, or program.
    made_at : datetime
        Aware.
    prompt_sha256 : str, optional
        64 hexadecimal digits: the prompt itself is its author's, and may name people.
    take_id : str, optional
        Names the take; CA-942 wants an identifier.
    parameters : tuple of (str, str), optional
        What else would make it again: seed, tempo, key.
    """

    source_type: SourceType
    model: str
    model_version: str
    made_at: datetime
    prompt_sha256: str | None = None
    take_id: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.made_at.tzinfo is None:
            raise BadClaimError("made_at needs a time zone")
        if self.prompt_sha256 is not None and not _DIGEST.fullmatch(self.prompt_sha256):
            raise BadClaimError("prompt_sha256 is 64 hexadecimal digits")


@dataclass(frozen=True)
class Edit:
    """Something that was done to a file that others made.

    Parameters
    ----------
    action : str
        C2PA's: ``c2pa.edited``, ``c2pa.trimmed``, ``c2pa.transcoded``, ``c2pa.repackaged``.
    source_type : SourceType, optional
        Where the sound comes from, if the parent may not say.
    """

    action: str
    made_at: datetime
    parameters: tuple[tuple[str, str], ...] = ()
    source_type: SourceType | None = None


@dataclass(frozen=True)
class Ingredient:
    """What the file was made from.

    Parameters
    ----------
    media_type : str, optional
        Needed where its file is given.
    sha256 : str, optional
        Of its file: what names an ingredient that has no manifest of its own.
    """

    title: str
    relationship: Relationship
    media_type: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Claim:
    """All that a manifest is to say. Either it was made, or a parent was edited.

    Parameters
    ----------
    title : str
    generator, generator_version : str
        Program that writes the claim, and its version.
    making : Making, optional
    edits : tuple of Edit, optional
        With an ingredient that is the parent.
    ingredients : tuple of Ingredient, optional
        In the order of their files.
    soft_bindings : tuple of SoftBinding, optional
        Marks in the sound by which this manifest is found again.
    mining : TrainingUse, optional
        Of all uses in training and mining; nothing is said without it.

    Raises
    ------
    BadClaimError
        If it says both, or neither, or edits without a parent.
    """

    title: str
    generator: str
    generator_version: str
    making: Making | None = None
    edits: tuple[Edit, ...] = ()
    ingredients: tuple[Ingredient, ...] = ()
    soft_bindings: tuple[SoftBinding, ...] = ()
    mining: TrainingUse | None = None

    def __post_init__(self) -> None:
        parents = [each for each in self.ingredients if each.relationship is Relationship.PARENT]
        if (self.making is None) == (not self.edits):
            raise BadClaimError("a claim says either how sound was made or how a parent was edited")
        if len(parents) != int(self.making is None):
            raise BadClaimError("an edit has one parent, and what was made has none")

    @property
    def is_synthetic(self) -> bool:
        return self.making is not None and self.making.source_type in SYNTHETIC


def definition_of(claim: Claim) -> dict[str, Any]:
    """Return a claim as the JSON of c2pa's builder; its ingredients' files are added to that."""
    return {
        "claim_version": 2,
        "title": claim.title,
        "claim_generator_info": [
            {"name": claim.generator, "version": claim.generator_version or "0"}
        ],
        "assertions": list(_assertions(claim)),
    }


def ingredient_of(claim: Claim, place: int) -> dict[str, Any]:
    """Return one ingredient of a claim as the JSON of c2pa's builder."""
    ingredient = claim.ingredients[place]
    told = {
        "title": ingredient.title,
        "relationship": ingredient.relationship.value,
        "label": _label(place),
    }
    if ingredient.media_type is not None:
        told["format"] = ingredient.media_type
    if ingredient.sha256 is not None:
        told["description"] = f"sha256:{ingredient.sha256}"
    return told


def claim_to_json(claim: Claim) -> dict[str, Any]:
    """Return a claim as JSON's types."""
    told = asdict(claim)
    for each in (told["making"], *told["edits"]):
        if each is not None:
            each["made_at"] = each["made_at"].isoformat()
    return told


def claim_from_json(told: Mapping[str, Any]) -> Claim:
    """Return what :func:`claim_to_json` gave, after a way through JSON."""
    making = told["making"]
    return Claim(
        **{
            **told,
            "making": Making(**_timed(making) | {"source_type": SourceType(making["source_type"])})
            if making
            else None,
            "edits": tuple(
                Edit(**_timed(each) | {"source_type": _source_type(each["source_type"])})
                for each in told["edits"]
            ),
            "ingredients": tuple(
                Ingredient(**{**each, "relationship": Relationship(each["relationship"])})
                for each in told["ingredients"]
            ),
            "soft_bindings": tuple(SoftBinding(**each) for each in told["soft_bindings"]),
            "mining": TrainingUse(told["mining"]) if told["mining"] else None,
        }
    )


def _assertions(claim: Claim) -> Iterator[dict[str, Any]]:
    yield _assertion("c2pa.actions.v2", {"actions": list(_actions(claim))})
    by_algorithm: dict[str, list[str]] = {}
    for each in claim.soft_bindings:
        by_algorithm.setdefault(each.algorithm, []).append(each.value)
    for algorithm, values in by_algorithm.items():
        blocks = [{"scope": {}, "value": value} for value in values]
        yield _assertion("c2pa.soft-binding", {"alg": algorithm, "blocks": blocks})
    if claim.mining is not None:
        entries = {use: {"use": claim.mining.value} for use in _USES}
        yield _assertion("cawg.training-mining", {"entries": entries})


def _assertion(label: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {"label": label, "data": dict(data)}


def _actions(claim: Claim) -> Iterator[dict[str, Any]]:
    if claim.making is not None:
        inputs = _labels(claim, Relationship.INPUT)
        yield _created(claim.making, inputs)
        if parts := _labels(claim, Relationship.COMPONENT):
            yield {"action": "c2pa.placed", "parameters": {"ingredientIds": parts}}
    else:
        parent = _labels(claim, Relationship.PARENT)
        yield {"action": "c2pa.opened", "parameters": {"ingredientIds": parent}}
        for edit in claim.edits:
            parameters = {OWN + name: value for name, value in edit.parameters}
            source_type = edit.source_type
            yield {
                "action": edit.action,
                "when": _moment(edit.made_at),
                **({"digitalSourceType": source_type.uri} if source_type else {}),
                **({"parameters": parameters} if parameters else {}),
            }
    if claim.soft_bindings:
        yield {"action": "c2pa.watermarked.bound"}


def _created(making: Making, inputs: list[str]) -> dict[str, Any]:
    parameters: dict[str, Any] = {OWN + name: value for name, value in making.parameters}
    if making.prompt_sha256 is not None:
        parameters[OWN + "prompt_sha256"] = making.prompt_sha256
    if making.take_id is not None:
        parameters[OWN + "take"] = making.take_id
    if inputs:
        parameters["ingredientIds"] = inputs
    return {
        "action": "c2pa.created",
        "when": _moment(making.made_at),
        "digitalSourceType": making.source_type.uri,
        "softwareAgent": {"name": making.model, "version": making.model_version},
        **({"parameters": parameters} if parameters else {}),
    }


def _labels(claim: Claim, relationship: Relationship) -> list[str]:
    return [
        _label(place)
        for place, each in enumerate(claim.ingredients)
        if each.relationship is relationship
    ]


def _label(place: int) -> str:
    return f"ingredient-{place}"


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _timed(told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **told,
        "made_at": datetime.fromisoformat(told["made_at"]),
        "parameters": _pairs(told["parameters"]),
    }


def _source_type(told: str | None) -> SourceType | None:
    return None if told is None else SourceType(told)


def _pairs(told: Any) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(value)) for name, value in told)
