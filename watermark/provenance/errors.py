"""What can go wrong with a manifest, a certificate or tags."""

from watermark.errors import WatermarkError


class ProvenanceError(WatermarkError):
    """Base of this package's errors."""


class BadCertificateError(ProvenanceError):
    """The certificate chain or its key can't sign manifests."""


class BadClaimError(ProvenanceError):
    """The claim says something that a manifest can't, or contradicts itself."""


class SigningError(ProvenanceError):
    """The manifest could not be signed into the file."""


class TagError(ProvenanceError):
    """The tags can't be written into this file."""
