"""Lint: what is probably wrong with a pack that can be read."""

import re
from collections.abc import Iterator, Set
from typing import Final

from policy.clauses import Clause, Path, new_context, show_path
from policy.fact_types import SAMPLES, choices_at, types_at
from policy.facts import values_of
from policy.findings import Finding
from policy.manifest import THRESHOLDS
from policy.packs import Pack, Rule
from policy.reachability import impossible_rules, shadowed_rules
from policy.rehearsal import test_pack

BROKEN: Final = frozenset({"unknown-fact", "type-error", "impossible-value"})
COMPARED: Final = re.compile(r"([a-z_]+(?:\.[a-z_]+)*)\s*[!=]=\s*(?:'([^']*)'|\"([^\"]*)\")")


def lint_pack(pack: Pack) -> list[Finding]:
    """Look for what is probably wrong with a pack.

    Returns
    -------
    list of Finding
        By line. None means that nothing was found, not that the pack is right.
    """
    findings = [finding for rule in pack.rules for finding in _lint_rule(pack, rule)]
    findings.extend(_lint_together(pack, {each.rule for each in findings if each.kind in BROKEN}))
    findings.extend(_lint_languages(pack))
    findings.extend(_lint_tests(pack))
    findings.extend(_lint_thresholds(pack))
    return sorted(findings, key=lambda finding: (finding.line or 0, finding.kind))


def _lint_together(pack: Pack, broken: Set[str | None]) -> Iterator[Finding]:
    """Hold clauses and rules against each other, those that can be read."""
    sound = [rule for rule in pack.rules if rule.id not in broken]
    impossible = list(impossible_rules(pack, sound))
    dead = {finding.rule for finding in impossible}
    yield from impossible
    yield from shadowed_rules(pack, [rule for rule in sound if rule.id not in dead])


def _lint_rule(pack: Pack, rule: Rule) -> Iterator[Finding]:
    if not rule.statement.text:
        yield Finding(
            "no-statement",
            rule.id,
            rule.line,
            "whoever it affects is told nothing",
            "add a `statement` (DSA-17)",
        )
    if rule.outcome == "block" and not rule.per_match:
        yield Finding(
            "never-manifest",
            rule.id,
            rule.line,
            "its block always becomes review, since only a recording match can be manifest",
            "say `outcome: review`, or `for_each: matches`",
        )
    for clause in rule.clauses:
        yield from _lint_clause(pack, rule, clause)


def _lint_clause(pack: Pack, rule: Rule, clause: Clause) -> Iterator[Finding]:
    unknown = [path for path in clause.reading.paths if not types_at(path, pack.thresholds)]
    for path in unknown:
        yield Finding(
            "unknown-fact",
            rule.id,
            clause.line,
            f"`{show_path(path)}` is not a fact{_hint(path)}",
            "name one that docs/policy.md lists",
        )
    if not unknown:
        yield from _lint_types(pack, rule, clause)
    for name, *words in COMPARED.findall(clause.text):
        choices = choices_at(tuple(name.split(".")))
        word = words[0] or words[1]
        if choices and word not in choices:
            yield Finding(
                "impossible-value",
                rule.id,
                clause.line,
                f"`{name}` is never '{word}'",
                f"it is one of {', '.join(sorted(choices))}",
            )


def _hint(path: Path) -> str:
    return " that the pack's `thresholds` set" if path[0] == "thresholds" else ""


def _lint_types(pack: Pack, rule: Rule, clause: Clause) -> Iterator[Finding]:
    """Evaluate on facts with nothing absent, where only the clause itself can be at fault."""
    for sample in SAMPLES:
        values = values_of(sample)
        values["thresholds"] = pack.thresholds
        values["match"] = values["matches"][0]
        truth, leaf = clause.evaluate(values, new_context(values))
        if truth == "error":
            yield Finding(
                "type-error",
                rule.id,
                clause.line,
                f"`{clause.text}` can't be evaluated: {leaf['error'].split('. ')[0]}",
                "compare like with like; the clause must give true or false",
            )
            return


def _lint_languages(pack: Pack) -> Iterator[Finding]:
    """A language in which one rule speaks is one of the pack's, so all must; blank words are none."""
    spoken = {language for rule in pack.rules for language in rule.statements}
    titled = {language for rule in pack.rules for language in rule.titles}
    for rule in pack.rules:
        told = {language for language, words in rule.statements.items() if words.text.strip()}
        if missing := sorted(spoken - told):
            yield Finding(
                "untranslated",
                rule.id,
                rule.line,
                f"other rules speak {', '.join(missing)}, and it does not",
                "add them under `statements` (DSA-17)",
            )
        named = {language for language, words in rule.titles.items() if words.strip()}
        if missing := sorted(titled - named):
            yield Finding(
                "untranslated",
                rule.id,
                rule.line,
                f"other rules have a title in {', '.join(missing)}, and it has none",
                "add them under `titles`",
            )


def _lint_tests(pack: Pack) -> Iterator[Finding]:
    held = {
        entry["rule"]
        for result in test_pack(pack)
        for entry in result.decision.explanation["rules"]
        if entry["value"] == "true"
    }
    for rule in pack.rules:
        if rule.id not in held:
            yield Finding(
                "untested",
                rule.id,
                rule.line,
                "none of the pack's tests makes it fire",
                "add one under `tests`",
            )


def _lint_thresholds(pack: Pack) -> Iterator[Finding]:
    used = {path[1] for path in pack.reads if path[0] == "thresholds" and len(path) > 1}
    for rule in pack.rules:
        for statement in (rule.statement, *rule.statements.values()):
            used |= {path[1] for _, path, _ in statement.places if path[0] == "thresholds"}
    for name in pack.thresholds:
        if name not in used and name not in THRESHOLDS:
            yield Finding(
                "unused-threshold",
                None,
                None,
                f"the threshold `{name}` is read by no rule",
                "take it out, or mend a name",
            )
