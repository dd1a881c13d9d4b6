"""Errors raised by :mod:`generator`."""


class GeneratorError(Exception):
    """Base of every error this package raises."""


class InvalidRequestError(GeneratorError, ValueError):
    """A request asks for what cannot be: the message says what to ask for instead."""


class MissingPartError(GeneratorError):
    """A library, soundfont or model that an engine needs is not installed."""


class UnknownEngineError(GeneratorError, LookupError):
    """There is no engine of that name."""


class EngineFailedError(GeneratorError):
    """An engine elsewhere gave no take.

    Parameters
    ----------
    message : str
    again : bool
        Whether the same request may succeed later.
    """

    def __init__(self, message: str, again: bool = False) -> None:
        super().__init__(message)
        self.again = again
