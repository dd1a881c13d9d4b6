"""Errors raised by :mod:`policy`."""


class PolicyError(Exception):
    """Base of every error this package raises."""


class PackError(PolicyError):
    """A pack can't be used.

    Attributes
    ----------
    rule : str or None
        Id of the rule (or name of the test) that is wrong, if one is.
    line : int or None
        Line in the pack's text, counted from 1.
    problem, remedy : str
        What is wrong, and what to do about it.
    """

    def __init__(
        self,
        problem: str,
        remedy: str,
        *,
        pack: str = "pack",
        rule: str | None = None,
        line: int | None = None,
    ) -> None:
        self.problem = problem
        self.remedy = remedy
        self.pack = pack
        self.rule = rule
        self.line = line
        at = pack if line is None else f"{pack}, line {line}"
        of = "" if rule is None else f" ({rule})"
        super().__init__(f"{at}{of}: {problem}; {remedy}")
