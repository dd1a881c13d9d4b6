"""A claim, signed into a file."""

import json
from collections.abc import Callable, Sequence
from typing import IO

from watermark.provenance.certificates import SigningIdentity
from watermark.provenance.claims import Claim, definition_of, ingredient_of
from watermark.provenance.errors import SigningError
from watermark.provenance.reading import settings
from watermark.provenance.vocabulary import MEDIA_TYPES


def sign(
    source: IO[bytes],
    target: IO[bytes],
    media_type: str,
    claim: Claim,
    identity: SigningIdentity,
    signature_of: Callable[[bytes], bytes],
    ingredients: Sequence[IO[bytes] | None] = (),
) -> bytes:
    """Copy a file with a manifest that says a claim; no sample is changed.

    The manifest is verified before this returns. A manifest that the source carries is replaced:
    to keep it, name the source as the claim's parent.

    Parameters
    ----------
    source : binary file, seekable
    target : binary file, seekable, readable and writable
    media_type : str
        One of the values of `MEDIA_TYPES`.
    signature_of : callable
        Signs bytes as ``identity.algorithm`` says; the key stays where it is.
    ingredients : sequence of binary file or None, optional
        One for each of the claim's; manifests that they carry are kept inside of the new one.

    Returns
    -------
    bytes
        The manifest store, as it lies in the file.

    Raises
    ------
    SigningError
        If the file, an ingredient or the certificate can't be used.
    """
    import c2pa

    if media_type not in MEDIA_TYPES.values():
        raise SigningError(f"{media_type} can't carry a manifest: use one of {[*MEDIA_TYPES]}")
    if len(ingredients) not in {0, len(claim.ingredients)}:
        raise SigningError(
            f"{len(claim.ingredients)} ingredients are named, {len(ingredients)} files given"
        )
    files = ingredients or [None] * len(claim.ingredients)
    definition = definition_of(claim)
    definition["ingredients"] = [
        ingredient_of(claim, place) for place, file in enumerate(files) if file is None
    ]
    try:
        with (
            c2pa.Context.from_dict(settings(identity.anchors)) as context,
            c2pa.Signer.from_callback(
                signature_of, c2pa.C2paSigningAlg[identity.algorithm], identity.certificates
            ) as signer,
            c2pa.Builder(json.dumps(definition), context) as builder,
        ):
            for place, file in enumerate(files):
                if file is not None:
                    media_type_of = claim.ingredients[place].media_type or ""
                    builder.add_ingredient(ingredient_of(claim, place), media_type_of, file)
            store: bytes = builder.sign(signer, media_type, source, target)
    except c2pa.C2paError as error:
        raise SigningError(f"the manifest can't be signed: {str(error)[:500]}") from error
    if not store:
        raise SigningError("the manifest was signed and not returned")
    return store
