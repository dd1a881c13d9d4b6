"""What a manifest says, and whether it can be believed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from watermark.provenance.vocabulary import SYNTHETIC, Relationship

MOST: Final = 64
"""Entries kept of any list: a manifest comes from anybody."""
LONGEST: Final = 500
"""Characters kept of any text."""
_ACTIONS: Final = ("c2pa.actions", "c2pa.actions.v2")
NO_FAULT: Final = frozenset(
    {
        "signingCredential.untrusted",
        "signingCredential.expired",
        "claimSignature.outsideValidity",
    }
)
"""What speaks against the signer, and not against the bytes."""


class ManifestState(StrEnum):
    """What became of verifying.

    ``untrusted`` is whole, but its signer is nobody we know, or its certificate has run out and no
    time-stamp tells that it was valid when it signed. ``invalid`` does not fit the file's bytes, or
    is broken.
    """

    VALID = "valid"
    UNTRUSTED = "untrusted"
    INVALID = "invalid"
    ABSENT = "absent"


@dataclass(frozen=True)
class Action:
    """Something that was done to the sound.

    Parameters
    ----------
    name : str
        C2PA's, such as ``c2pa.created``.
    source_type : str or None
        IPTC's, without its prefix.
    agent : str or None
        Program or model that did it, with its version.
    when : str or None
        As written, RFC 3339.
    parameters : tuple of (str, str)
        Plain values among its parameters, as text.
    """

    name: str
    source_type: str | None = None
    agent: str | None = None
    when: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Origin:
    """An ingredient: what the file was made from."""

    title: str | None
    relationship: str
    has_manifest: bool = False


@dataclass(frozen=True)
class SoftBinding:
    """A mark or fingerprint by which the manifest is found again when it was stripped.

    Parameters
    ----------
    algorithm : str
    value : str
        As the algorithm writes it; for ours the payload's 32 hexadecimal digits.
    """

    algorithm: str
    value: str


@dataclass(frozen=True)
class Manifest:
    """The active manifest of a file; with ``state`` absent there is none.

    Parameters
    ----------
    issuer : str or None
        Organisation, else name, in the signing certificate: proved only if ``state`` is valid.
    generator : str or None
        Program that wrote the claim.
    synthetic : bool or None
        Whether it, or a manifest of what it was made from, says that a machine made the sound, in
        whole or in part. None if none does and some of it comes from nobody says where, or from
        what can't be believed.
    mining : tuple of (str, str)
        Uses in training and mining, and ``allowed``, ``notAllowed`` or ``constrained``.
    failures : tuple of str
        C2PA's codes of what is wrong.
    """

    state: ManifestState
    label: str | None = None
    title: str | None = None
    issuer: str | None = None
    generator: str | None = None
    synthetic: bool | None = None
    actions: tuple[Action, ...] = ()
    ingredients: tuple[Origin, ...] = ()
    soft_bindings: tuple[SoftBinding, ...] = ()
    mining: tuple[tuple[str, str], ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def source_types(self) -> frozenset[str]:
        """Where its own actions say that the sound comes from, without IPTC's prefix."""
        return frozenset(each.source_type for each in self.actions if each.source_type)


ABSENT: Final = Manifest(ManifestState.ABSENT)


def manifest_of_report(
    report: Mapping[str, Any], state: ManifestState, failures: Sequence[str]
) -> Manifest:
    """Return what the JSON of c2pa's reader says, within bounds.

    Parameters
    ----------
    report : mapping
        With ``active_manifest`` and ``manifests``.
    """
    manifests = _map(report.get("manifests"))
    label = _text(report.get("active_manifest"))
    active = _map(manifests.get(label or ""))
    signature = _map(active.get("signature_info"))
    return Manifest(
        state=state,
        label=label,
        title=_text(active.get("title")),
        issuer=_text(signature.get("issuer")) or _text(signature.get("common_name")),
        generator=_generator(active),
        synthetic=None if state is ManifestState.INVALID else _is_synthetic(report),
        actions=tuple(_actions(active)),
        ingredients=tuple(_ingredients(active)),
        soft_bindings=tuple(_soft_bindings(active)),
        mining=tuple(_mining(active)),
        failures=tuple(failures[:MOST]),
    )


def manifest_to_json(manifest: Manifest) -> dict[str, Any]:
    """Return a manifest as JSON's types."""
    return asdict(manifest) | {
        "state": manifest.state.value,
        "mining": dict(manifest.mining),
        "failures": list(manifest.failures),
        "soft_bindings": [asdict(each) for each in manifest.soft_bindings],
        "ingredients": [asdict(each) for each in manifest.ingredients],
        "actions": [
            asdict(each) | {"parameters": dict(each.parameters)} for each in manifest.actions
        ],
    }


def manifest_from_json(told: Mapping[str, Any]) -> Manifest:
    """Return what :func:`manifest_to_json` gave."""
    return Manifest(
        **{
            **told,
            "state": ManifestState(told["state"]),
            "mining": tuple(told["mining"].items()),
            "failures": tuple(told["failures"]),
            "soft_bindings": tuple(SoftBinding(**each) for each in told["soft_bindings"]),
            "ingredients": tuple(Origin(**each) for each in told["ingredients"]),
            "actions": tuple(
                Action(**{**each, "parameters": tuple(each["parameters"].items())})
                for each in told["actions"]
            ),
        }
    )


def _is_synthetic(report: Mapping[str, Any]) -> bool | None:
    """Whether the active manifest, or one of what its file is made of, tells of a machine.

    Each manifest is read once and whole, however many others name it: many that name each other
    are many more ways than manifests.
    """
    manifests = _map(report.get("manifests"))
    waiting = [report.get("active_manifest")]
    known = not _ingredients_fail(report)
    seen: set[str] = set()
    told: set[str] = set()
    while waiting:
        label = waiting.pop()
        if not isinstance(label, str) or not label:
            known = False
        elif label not in seen:
            seen.add(label)
            manifest = _map(manifests.get(label))
            sources = set(_sources(manifest))
            heard = [each for each in _all_maps(manifest.get("ingredients")) if _is_heard(each)]
            known = known and bool(sources or heard) and not any(map(_fails, heard))
            told |= sources
            waiting += [each.get("active_manifest") for each in heard]
    if told & SYNTHETIC:
        return True
    return False if told and known else None


def _sources(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Source types of all actions, without their prefix."""
    for assertion in _all_maps(manifest.get("assertions")):
        if _label(assertion) in _ACTIONS:
            for action in _all_maps(_map(assertion.get("data")).get("actions")):
                source = action.get("digitalSourceType")
                if isinstance(source, str) and source:
                    yield source.rpartition("/")[2]


def _is_heard(ingredient: Mapping[str, Any]) -> bool:
    """Whether an ingredient is in the sound, and not only what a model was given."""
    return ingredient.get("relationship") != Relationship.INPUT


def _fails(ingredient: Mapping[str, Any]) -> bool:
    """Whether an ingredient's manifest did not fit when it was taken."""
    results = _map(ingredient.get("validation_results"))
    return _has_faults(_map(results.get("activeManifest")))


def _ingredients_fail(report: Mapping[str, Any]) -> bool:
    """Whether an ingredient's manifest fits no more, or one of its ingredients' in turn."""
    results = _map(report.get("validation_results"))
    deltas = _all_maps(results.get("ingredientDeltas"))
    return any(_has_faults(_map(each.get("validationDeltas"))) for each in deltas)


def _has_faults(statuses: Mapping[str, Any]) -> bool:
    codes = [each.get("code") for each in _all_maps(statuses.get("failure"))]
    return not all(isinstance(code, str) and code in NO_FAULT for code in codes)


def _assertions(manifest: Mapping[str, Any], *labels: str) -> Iterator[Mapping[str, Any]]:
    for assertion in _maps(manifest.get("assertions")):
        if _label(assertion) in labels:
            yield _map(assertion.get("data"))


def _label(assertion: Mapping[str, Any]) -> str:
    """An assertion's label without the number that tells it from others of its kind."""
    return str(assertion.get("label", "")).partition("__")[0]


def _actions(manifest: Mapping[str, Any]) -> Iterator[Action]:
    for data in _assertions(manifest, *_ACTIONS):
        for each in _maps(data.get("actions")):
            source = _text(each.get("digitalSourceType"))
            yield Action(
                name=_text(each.get("action")) or "",
                source_type=source.rpartition("/")[2] if source else None,
                agent=_agent(each.get("softwareAgent")),
                when=_text(each.get("when")),
                parameters=tuple(_plain(_map(each.get("parameters")))),
            )


def _ingredients(manifest: Mapping[str, Any]) -> Iterator[Origin]:
    for each in _maps(manifest.get("ingredients")):
        yield Origin(
            title=_text(each.get("title")),
            relationship=_text(each.get("relationship")) or "",
            has_manifest=bool(each.get("active_manifest")),
        )


def _soft_bindings(manifest: Mapping[str, Any]) -> Iterator[SoftBinding]:
    for data in _assertions(manifest, "c2pa.soft-binding"):
        for block in _maps(data.get("blocks")):
            value = _text(block.get("value"))
            if value:
                yield SoftBinding(_text(data.get("alg")) or "", value)


def _mining(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for data in _assertions(manifest, "cawg.training-mining", "c2pa.training-mining"):
        for use, entry in list(_map(data.get("entries")).items())[:MOST]:
            yield str(use)[:LONGEST], _text(_map(entry).get("use")) or ""


def _generator(manifest: Mapping[str, Any]) -> str | None:
    infos = _maps(manifest.get("claim_generator_info"))
    return _agent(infos[0]) if infos else _text(manifest.get("claim_generator"))


def _agent(agent: Any) -> str | None:
    if isinstance(agent, Mapping):
        parts = [_text(agent.get("name")), _text(agent.get("version"))]
        return " ".join(part for part in parts if part) or None
    return _text(agent)


def _plain(parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in list(parameters.items())[:MOST]:
        if isinstance(value, str | int | float):
            yield str(name)[:LONGEST], str(value)[:LONGEST]


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _maps(value: Any) -> list[Mapping[str, Any]]:
    return _all_maps(value[:MOST]) if isinstance(value, list) else []


def _all_maps(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value[:LONGEST] if isinstance(value, str) and value else None
