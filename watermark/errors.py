"""Errors raised by :mod:`watermark`."""


class WatermarkError(Exception):
    """Base of every error this package raises."""


class UnusableAudioError(WatermarkError):
    """The samples have a shape, type, rate or value that cannot be marked or searched."""


class TooShortError(WatermarkError):
    """There is less sound than a mark could be read from."""


class StreamEndedError(WatermarkError):
    """A stream goes on that was said to be at its end."""


class BadKeyError(WatermarkError):
    """A key has the wrong length, or a name that a key file cannot hold."""


class BadKeyFileError(BadKeyError):
    """A key file does not follow the format."""


class BadPayloadError(WatermarkError):
    """A payload is not made of hexadecimal digits, or has a length that no mode carries."""


class BadStrengthError(WatermarkError):
    """A strength is not a positive number within the limits."""


class EngineError(WatermarkError):
    """An engine outside this process can't be used."""


class UnknownEngineError(EngineError):
    """There is no engine of this name."""


class EngineMissingError(EngineError):
    """The engine's program is not installed."""


class EngineVersionError(EngineError):
    """The engine's program has a version whose marks or options are others."""


class EngineTimeoutError(EngineError):
    """The engine's program took longer than it may."""


class EngineFailedError(EngineError):
    """The engine's program ended with an error, or said what can't be understood."""
