"""A file's last steps before it goes out: tags, and then the manifest.

Whatever came with a file of others (tags, marks, manifests) stays when it is cut, muted or
delivered (AIA-COP, CA-853, DMCA-I2): the new file is signed with the old one as its parent.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from scanner import disclosures, objections
from scanner.audio import SNIFF_BYTES, sniff
from scanner.clock import new_id
from scanner.errors import ScannerError
from scanner.stored_manifests import MIX
from scanner.tables import Provenance, Track
from scanner.wording import Told
from watermark.provenance import (
    READABLE,
    SOFT_BINDING_ALGORITHM,
    Claim,
    Edit,
    Ingredient,
    Making,
    Manifest,
    ManifestState,
    Relationship,
    SoftBinding,
    TagError,
    Tags,
    TrainingUse,
    tags_among,
    write_tags,
)

if TYPE_CHECKING:
    from scanner.service import Service

GENERATOR: Final = "Clearance"
FITTING: Final = frozenset({ManifestState.VALID, ManifestState.UNTRUSTED})
"""What a manifest may be to become the parent of ours."""
CONTAINERS: Final = {"m4a": "mp4"}
"""Formats whose container `sniff` calls otherwise."""


class UnsignedFileError(ScannerError):
    """The manifest of a file that was signed does not read back, so the file does not go out."""


@dataclass(frozen=True)
class FileFacts:
    """What is known of a generated track's file that is about to go out.

    Parameters
    ----------
    track : Track
    declared : mapping
        The submission's declaration, as stored; ``generated`` holds model and prompt's digest.
    form : str
        One of wav, mp3, flac, m4a.
    take_id : str
    made_at : datetime
    payload : str, optional
        Of the mark in the sound, 32 hexadecimal digits.
    part : str, optional
        ``mix`` or ``stem:NAME``.
    stems : sequence of (str, str), optional
        Name and SHA-256 of each stem's marked master.
    stem_sha256 : str, optional
        Of what was submitted as this stem; of the mix, the track says so.
    """

    track: Track
    declared: Mapping[str, Any]
    form: str
    take_id: str
    made_at: datetime
    payload: str | None = None
    part: str = MIX
    stems: Sequence[tuple[str, str]] = ()
    stem_sha256: str | None = None

    @property
    def submitted_sha256(self) -> str | None:
        """Of what was submitted as this part; None if nothing is kept of it."""
        return self.track.sha256 if self.part == MIX else self.stem_sha256

    @property
    def title(self) -> str:
        """What the file is called for want of a declared title."""
        name = f"Take {self.take_id}"
        return name if self.part == MIX else f"{name}, {self.part.removeprefix('stem:')}"


def finished(service: "Service", path: Path, facts: FileFacts) -> tuple[Path, Provenance]:
    """Give a file its tags and then its manifest; its samples stay as they are.

    What came with what was submitted stays: its tags, save where something else is declared, and its
    manifest inside the new one.

    Returns
    -------
    Path
        The file to deliver, beside the given one.
    Provenance
        What its manifest says, to be kept once the file goes out; the manifest itself is stored.

    Raises
    ------
    CertificateError, SigningError, UnsignedFileError, TagError
        If the file must not go out: it has no manifest that reads back.
    TransientError, StoreError
        If it may work later.
    """
    with _submitted(service, facts) as (parent, others):
        title = _kept(others).title or facts.title
        tagged = _tagged(path, facts.form, disclosures.tags_of(facts.declared, title), others)
        claim = _claim_of(service, facts, parent)
        files = [
            None if each.relationship is not Relationship.PARENT else parent
            for each in claim.ingredients
        ]
        signed, store, manifest = _signed(service, tagged, facts.form, claim, files)
    blob = service.store.put_bytes(facts.track.tenant_id, store)
    return signed, _row(service, facts, claim, manifest, _digest(signed), blob.sha256)


def passed_on(
    service: "Service",
    original: Path,
    edited: Path,
    form: str,
    edits: Sequence[Edit],
    tags: Mapping[str, str],
    title: str,
) -> Path:
    """Carry what came with a file over to an edited copy of it: tags, and the manifest.

    Parameters
    ----------
    original : Path
        What somebody uploaded, with its manifest if it has one.
    edited : Path
        The same sound, cut, muted or coded anew.
    form : str
        Format of ``edited``: one of wav, mp3, flac, m4a.
    edits : sequence of Edit
        What was done, in C2PA's words.
    tags : mapping of str to str
        Those of the original, as its analysis found them.
    title : str
        The original's, for the manifest.

    Returns
    -------
    Path
        The file to deliver, beside ``edited``. Without a manifest in the original it is only
        tagged: what nobody claimed of it, we don't.

    Raises
    ------
    CertificateError, SigningError, UnsignedFileError, TagError, UnverifiableError
        If the manifest can't be kept: such a copy must not go out.
    """
    tagged = _tagged(edited, form, _kept(tags), tags)
    container = _container_of(original)
    manifest = service.manifests.read(original, container)
    if manifest is None or manifest.state is ManifestState.ABSENT:
        return tagged
    parent = Ingredient(title, Relationship.PARENT, READABLE[container], _digest(original))
    claim = Claim(
        title=title,
        generator=GENERATOR,
        generator_version=_version(),
        edits=tuple(edits),
        ingredients=(parent,),
    )
    return _signed(service, tagged, form, claim, [original])[0]


def _claim_of(service: "Service", facts: FileFacts, parent: Path | None) -> Claim:
    """Say how a file was made; or, where what was submitted has a manifest, what became of it."""
    making = disclosures.making_of(facts.declared, facts.take_id, facts.made_at)
    ingredients = disclosures.inputs_of(facts.declared)
    if facts.part == MIX:
        ingredients += tuple(
            Ingredient(name, Relationship.COMPONENT, sha256=sha256) for name, sha256 in facts.stems
        )
    edits: tuple[Edit, ...] = ()
    if parent is not None:
        media_type = READABLE[_container_of(parent)]
        submitted = Ingredient("as submitted", Relationship.PARENT, media_type, _digest(parent))
        ingredients = (submitted, *ingredients)
        edits = (_as_edit(making),)
    marks = () if facts.payload is None else (SoftBinding(SOFT_BINDING_ALGORITHM, facts.payload),)
    return Claim(
        title=facts.title,
        generator=GENERATOR,
        generator_version=_version(),
        making=None if edits else making,
        edits=edits,
        ingredients=ingredients,
        soft_bindings=marks,
        mining=_training_use(service, facts.track),
    )


def _training_use(service: "Service", track: Track) -> TrainingUse:
    """Say what the setting says, but that nobody may where the account objects."""
    with service.database.reading() as session:
        if objections.objects(session, track.account_id, "training"):
            return TrainingUse.NOT_ALLOWED
    return TrainingUse(service.settings.training_use)


def _as_edit(making: Making) -> Edit:
    """Say of a making what an edit can say: its parent's manifest may tell of no machine."""
    told = {
        "model": making.model,
        "model_version": making.model_version,
        "take": making.take_id,
        "prompt_sha256": making.prompt_sha256,
        **dict(making.parameters),
    }
    parameters = tuple((name, value) for name, value in told.items() if value)
    return Edit("c2pa.edited", making.made_at, parameters, making.source_type)


@contextmanager
def _submitted(
    service: "Service", facts: FileFacts
) -> Iterator[tuple[Path | None, Mapping[str, str]]]:
    """Give what was submitted, if it came with a manifest that fits it, and its tags."""
    if facts.submitted_sha256 is None:
        yield None, {}
        return
    with service.store.path_or_copy(facts.track.tenant_id, facts.submitted_sha256) as path:
        manifest = service.manifests.read(path, _container_of(path))
        fits = manifest is not None and manifest.state in FITTING
        yield path if fits else None, service.decoder.decode(path).tags


def _tagged(path: Path, form: str, tags: Tags, others: Mapping[str, str] | None = None) -> Path:
    target = path.with_name(f"{path.stem}-tagged.{form}")
    with path.open("rb") as source, target.open("w+b") as written:
        write_tags(source, written, form, tags, others)
    return target


def _signed(
    service: "Service",
    path: Path,
    form: str,
    claim: Claim,
    files: Sequence[Path | None],
) -> tuple[Path, bytes, Manifest]:
    """Sign a copy of a file and read its manifest back from it."""
    target = path.with_name(f"{path.stem}-signed.{form}")
    store = service.manifests.sign(path, target, form, claim, service.signatory, files)
    manifest = service.manifests.read(target, CONTAINERS.get(form, form))
    if manifest is None or manifest.state not in {ManifestState.VALID, ManifestState.UNTRUSTED}:
        raise UnsignedFileError(
            Told("the manifest does not read back from the %(form)s file", form=form)
        )
    return target, store, manifest


def _row(
    service: "Service",
    facts: FileFacts,
    claim: Claim,
    manifest: Manifest,
    file_sha256: str,
    manifest_sha256: str,
) -> Provenance:
    made = facts.declared["generated"]
    seed = made.get("seed")
    return Provenance(
        id=new_id(),
        tenant_id=facts.track.tenant_id,
        track_id=facts.track.id,
        part=facts.part,
        form=facts.form,
        file_sha256=file_sha256,
        manifest_sha256=manifest_sha256,
        label=manifest.label or "",
        issuer=manifest.issuer or "",
        payload=facts.payload,
        source_type=disclosures.source_type_of(facts.declared).value,
        model=made["model"],
        model_version=made.get("model_version"),
        prompt_sha256=made.get("prompt_sha256"),
        seed=None if seed is None else str(seed),
        parents=[
            {"title": each.title, "relationship": each.relationship.value, "sha256": each.sha256}
            for each in claim.ingredients
        ],
        created_at=service.now(),
    )


def _kept(tags: Mapping[str, str]) -> Tags:
    """Tags of others by our names; what can't be one of ours stays among the others."""
    try:
        return tags_among(tags)
    except TagError:
        return Tags()


def _container_of(path: Path) -> str:
    with path.open("rb") as file:
        return sniff(file.read(SNIFF_BYTES))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _version() -> str:
    try:
        return version("clearance")
    except PackageNotFoundError:  # run from a folder that was not installed
        return "0"
