"""Files in, what is known of their making out; and the other way: a claim is signed into a file.

:func:`read_manifest` verifies the C2PA manifest of a file and gives a :class:`Manifest`;
:func:`sign` writes one that says a :class:`Claim`. :func:`write_tags` and :func:`read_tags` do the
same for what players show. Nothing here opens a file, knows the time or keeps a key: a signature
comes from a callable.

Reading and signing run native code on bytes of any origin: the service does both in a child
process under limits.
"""

from watermark.provenance.certificates import (
    DevelopmentChain,
    SigningIdentity,
    SigningKey,
    development_chain,
    signing_identity,
)
from watermark.provenance.claims import (
    Claim,
    Edit,
    Ingredient,
    Making,
    TrainingUse,
    claim_from_json,
    claim_to_json,
)
from watermark.provenance.errors import (
    BadCertificateError,
    BadClaimError,
    ProvenanceError,
    SigningError,
    TagError,
)
from watermark.provenance.manifest import (
    Action,
    Manifest,
    ManifestState,
    Origin,
    SoftBinding,
    manifest_from_json,
    manifest_to_json,
)
from watermark.provenance.reading import read_manifest
from watermark.provenance.signing import sign
from watermark.provenance.tags import Tags, read_tags, tag_text, tags_among, write_tags
from watermark.provenance.vocabulary import (
    MEDIA_TYPES,
    READABLE,
    SOFT_BINDING_ALGORITHM,
    Relationship,
    SourceType,
)

__all__ = [
    "MEDIA_TYPES",
    "READABLE",
    "SOFT_BINDING_ALGORITHM",
    "Action",
    "BadCertificateError",
    "BadClaimError",
    "Claim",
    "DevelopmentChain",
    "Edit",
    "Ingredient",
    "Making",
    "Manifest",
    "ManifestState",
    "Origin",
    "ProvenanceError",
    "Relationship",
    "SigningError",
    "SigningIdentity",
    "SigningKey",
    "SoftBinding",
    "SourceType",
    "TagError",
    "Tags",
    "TrainingUse",
    "claim_from_json",
    "claim_to_json",
    "development_chain",
    "manifest_from_json",
    "manifest_to_json",
    "read_manifest",
    "read_tags",
    "sign",
    "signing_identity",
    "tag_text",
    "tags_among",
    "write_tags",
]
