"""Errors raised by :mod:`fingerprint`."""


class FingerprintError(Exception):
    """Base of every error this package raises."""


class UnusableAudioError(FingerprintError):
    """The samples have a shape, rate or value that cannot be fingerprinted."""


class TooShortError(FingerprintError):
    """There is less audio than one sub-fingerprint, or one search, needs."""


class InvalidFingerprintError(FingerprintError):
    """A fingerprint from outside (JSON, bytes) is malformed or contradicts itself."""


class IndexCorruptError(FingerprintError):
    """A file of the index is missing, truncated or does not have the content it was written with."""


class IndexOutdatedError(IndexCorruptError):
    """The index is of an earlier version's format: cleared, it is built anew from the references."""


class IndexLockedError(FingerprintError):
    """Another writer held the index for longer than the caller would wait."""


class StaleEpochError(FingerprintError):
    """A change is older than what the index already holds."""


class IndexUnavailableError(FingerprintError):
    """The server that holds a part of the index does not answer: to be tried again."""


class MissingExtraError(FingerprintError):
    """Something was asked for that needs an optional part of the installation."""
