"""Errors raised by :mod:`appeals`."""


class AppealError(Exception):
    """Base of every error this package raises."""


class MissingReasonError(AppealError):
    """A restriction without a reason: no effect without its statement of reasons (DSA-17)."""


class DeadlineError(AppealError):
    """A deadline can't be counted: no such rule, zone or calendar, or a time without a zone."""


class MoveError(AppealError):
    """A matter can't be moved so."""


class IllegalTransitionError(MoveError):
    """The matter's state does not allow this move, or something stands against it now."""


class NotAllowedError(MoveError):
    """The move is not for this actor to make."""


class MissingPartError(MoveError):
    """The command lacks what the move needs."""
