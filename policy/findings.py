"""Findings: what the linter says is probably wrong with a pack."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend in a pack.

    Attributes
    ----------
    kind : str
        ``unknown-fact``, ``type-error``, ``impossible-value``, ``no-statement``, ``untranslated``, ``untested``,
        ``never-manifest``, ``impossible``, ``shadowed`` or ``unused-threshold``.
    rule : str or None
        Id of the rule; none if it is about the pack.
    line : int or None
        Counted from 1.
    """

    kind: str
    rule: str | None
    line: int | None
    problem: str
    remedy: str

    def __str__(self) -> str:
        at = "" if self.line is None else f"line {self.line}: "
        of = "" if self.rule is None else f"{self.rule}: "
        return f"{at}{of}{self.problem}; {self.remedy} [{self.kind}]"
