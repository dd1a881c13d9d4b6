"""Errors of the service. They know no HTTP: `problems.py` is the one table to RFC 9457."""

from scanner.wording import Told


class ScannerError(Exception):
    """Base of every error the service raises itself."""


class NotFoundError(ScannerError):
    """No such object for this tenant; another tenant's object reads the same."""

    def __init__(self, what: str, key: str) -> None:
        super().__init__(Told("no %(what)s %(key)s", what=what, key=key))
        self.what = what
        self.key = key


class ConflictError(ScannerError):
    """Somebody else changed the object, or is changing it now."""


class PreconditionFailedError(ConflictError):
    """If-Match named an older version."""


class IdempotencyConflictError(ScannerError):
    """The key was used before with another body."""


class InProgressError(ConflictError):
    """A request with the same key is being handled now."""


class IllegalTransitionError(ScannerError):
    """The track does not accept this command in its present state."""


class PackRefusedError(ScannerError):
    """A pack of rules can't be taken or proposed; ``findings`` says what to mend, one sentence each."""

    def __init__(self, findings: list[str]) -> None:
        super().__init__(Told("the pack is refused: %(findings)s", findings="; ".join(findings)))
        self.findings = findings


class BusyError(ScannerError):
    """The service takes no more work just now."""

    def __init__(self, detail: str, retry_after: float = 5) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class ForbiddenError(ScannerError):
    """The key is known but may not do this."""


class UnauthorisedError(ScannerError):
    """No key, or one that is not known."""


class TransientError(ScannerError):
    """It may work later: the event is retried."""


class PoisonError(ScannerError):
    """It will never work: the event goes to the dead letters at once."""


class BadOptionError(ScannerError):
    """An option of a command can't be so."""


class UninitialisedError(ScannerError):
    """`clearance init` was not run, or the database is of another version."""


class BadKeyRequestError(ScannerError):
    """A key or login can't be made as asked; the message says why."""
