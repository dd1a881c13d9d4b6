"""Rules that can never fire and rules that change nothing are found; rules that can are left alone."""

import pytest

from policy import default_pack, lint_pack, load_pack
from policy.findings import Finding

HEAD = """\
name: seeded
thresholds: {high: 0.9, low: 0.5, many: 3, manifest_score: 0.99, manifest_share: 0.9,
             manifest_precision: 0.9, manifest_decided: 20}
rules:
"""
EACH = "    for_each: matches\n"


def rule(
    name: str, when: str, *, outcome: str = "review", each: bool = False, more: str = ""
) -> str:
    outcome_line = f"    outcome: {outcome}\n" if outcome else "    phase: exempt\n"
    text = f"  - id: {name}\n    title: A rule\n{EACH if each or not outcome else ''}"
    return f"{text}    when: {when}\n{outcome_line}    statement: Why.\n{more}"


def found(kind: str, *rules: str) -> list[Finding]:
    return [each for each in lint_pack(load_pack(HEAD + "".join(rules))) if each.kind == kind]


@pytest.mark.parametrize(
    ("when", "each", "line", "problem"),
    [
        ("match.score > 1.0", True, 8, "`match.score > 1.0` is never true"),
        ("match.score < 0", True, 8, "never true"),
        ("1.5 <= match.coverage_query", True, 8, "never true"),
        ("duration < 0.0", False, 7, "never true"),
        ("account.strikes > 2 && account.strikes < 3", False, 7, "never true"),
        ("match.score > thresholds.high && match.score < thresholds.low", True, 8, "never true"),
        ("watermarks.exists(w, w.false_alarm > 1.0)", False, 7, "never true"),
        ("watermarks.exists(w, w.owner == 'ours' && w.owner == 'other')", False, 7, "never true"),
        ("match.score == null", True, 8, "never true"),
        ("match.kind == 'recording' && match.kind == 'composition'", True, 8, "never true"),
        ("{all: [match.score > 0.9, match.score < 0.5]}", True, 5, "`match.score > 0.9` and"),
        (
            "{all: [match.kind == 'recording', {any: [match.score < thresholds.low, match.licensed]},"
            " match.kind == 'composition']}",
            True,
            5,
            "`match.kind == 'recording'` and `match.kind == 'composition'` exclude each other",
        ),
        ("{all: [explicit, {not: explicit}]}", False, 5, "`explicit` and `not: explicit`"),
        (
            "{all: [match.score >= thresholds.high, {not: match.score >= thresholds.low}]}",
            True,
            5,
            "exclude each other",
        ),
        (
            "{all: [{any: [explicit, lyrics_heard]}, {not: explicit}, {not: lyrics_heard}]}",
            False,
            5,
            "contradict each other",
        ),
        ("{all: [account == null, account.strikes >= thresholds.many]}", False, 5, "exclude"),
        ("{all: [match.tempo_ratio == null, match.tempo_ratio > 1.1]}", True, 5, "exclude"),
        (
            "{not: {any: [origin == 'upload', origin == 'generated']}}",
            False,
            5,
            "can never fire",
        ),
        (
            "{all: ['size(matches) > 2', {not: 'size(matches)  > 2'}]}",
            False,
            5,
            "exclude each other",
        ),
    ],
)
def test_rule_that_can_never_fire_is_found(when: str, each: bool, line: int, problem: str) -> None:
    quoted = when if when.startswith("{") else f'"{when}"'
    (finding,) = found("impossible", rule("dead", quoted, each=each))
    assert (finding.rule, finding.line) == ("dead", line)
    assert problem in finding.problem


def test_rule_on_matches_that_are_all_exempted_before_is_found() -> None:
    own = rule("own", "match.same_holder", outcome="")
    strict = rule("strict", "{all: [match.same_holder, match.score > 0.7]}", each=True)
    (finding,) = found("impossible", own, strict)
    assert (finding.rule, finding.problem) == (
        "strict",
        "every match that it could fire on is exempted before",
    )
    in_germany = own.replace("    statement", "    where: [DE]\n    statement")
    assert found("impossible", in_germany, strict) == []


@pytest.mark.parametrize(
    ("narrow", "wide", "each"),
    [
        ("match.score > thresholds.high", "match.score > thresholds.low", True),
        ("{all: [match.kind == 'recording', match.licensed]}", "match.licensed", True),
        ("match.kind == 'recording'", "match.kind != 'composition'", True),
        ("explicit", "{any: [explicit, lyrics_heard]}", False),
        ("account.strikes >= 4", "account.strikes > 3", False),
        ("account.strikes > 3", "account.strikes >= 4", False),
        ("{all: [explicit, origin == 'upload']}", "{not: origin == 'generated'}", False),
        ("age_band in ['child', 'teen']", "{not: age_band == 'adult'}", False),
        ("'publish' in consents && explicit", "'publish'  in  consents", False),
    ],
)
def test_rule_that_another_covers_is_found_where_it_asks_for_no_more(
    narrow: str, wide: str, each: bool
) -> None:
    def seeded(first: str, second: str) -> list[str | None]:
        inner = rule("narrow", _quoted(narrow), outcome=first, each=each, more=_restriction(first))
        outer = rule("wide", _quoted(wide), outcome=second, each=each, more=_restriction(second))
        return [finding.rule for finding in found("shadowed", inner, outer)]

    # two that say the same: the one that stands first is named
    assert seeded("review", "review") == ["narrow"]
    assert seeded("restrict", "review") == ["narrow"]
    assert "narrow" not in seeded("review", "restrict")
    assert seeded("clear", "review") == []


def _quoted(when: str) -> str:
    return when if when.startswith("{") else f'"{when}"'


def _restriction(outcome: str) -> str:
    return "    restriction: {kind: monetise}\n" if outcome == "restrict" else ""


GATE = "    restriction: {kind: age, min_age: 16}\n"
OTHER = rule("other", "explicit", outcome="restrict", more=GATE)


@pytest.mark.parametrize(
    ("change", "to", "expected"),
    [
        ("    when:", "    when:", ["one"]),
        ("    when:", "    where: [DE]\n    when:", ["one"]),
        ("    when:", "    applies: origin == 'upload'\n    when:", ["one"]),
        ("    when:", "    requires: [lyrics]\n    when:", ["other"]),
        ("min_age: 16", "min_age: 18", []),
        ("when: explicit", "when: lyrics_heard", []),
    ],
)
def test_place_need_and_restriction_decide_with_the_condition_what_is_shadowed(
    change: str, to: str, expected: list[str]
) -> None:
    one = rule("one", "explicit", outcome="restrict", more=GATE)
    assert change in one
    changed = one.replace(change, to, 1)
    assert [finding.rule for finding in found("shadowed", changed, OTHER)] == expected


def test_exemption_that_a_wider_one_covers_is_found() -> None:
    narrow = rule("narrow", "match.licensed", outcome="", more="    where: [DE]\n")
    wide = rule("wide", "{any: [match.licensed, match.excluded]}", outcome="")
    assert [finding.rule for finding in found("shadowed", narrow, wide)] == ["narrow"]


def test_default_pack_has_no_rule_that_is_impossible_or_shadowed() -> None:
    kinds = {finding.kind for finding in lint_pack(default_pack())}
    assert kinds.isdisjoint({"impossible", "shadowed"})
