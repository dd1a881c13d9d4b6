"""Reading packs: each thing that can be wrong is said with rule, line and remedy."""

from pathlib import Path

import pytest
import yaml

from policy import Facts, PackError, decide, default_pack_text, load_pack, test_pack
from policy.marked_yaml import read_marked

PACK = """\
name: small
thresholds: {manifest_score: 0.99, manifest_share: 0.9, manifest_precision: 0.9, manifest_decided: 20}
rules:
  - id: long
    title: Long track
    when: duration > 600.0
    outcome: review
    statement: "It lasts {duration:seconds}."
  - id: copy
    title: Copy
    for_each: matches
    when:
      all:
        - match.score > 0.5
        - not: match.same_holder
    outcome: block
    statement: "A copy of {match.title}."
tests:
  - name: a long track goes to review
    facts: {duration: 700}
    expect: {decision: review, fired: [long]}
"""


def wrong(old: str, new: str) -> PackError:
    assert old in PACK
    with pytest.raises(PackError) as caught:
        load_pack(PACK.replace(old, new, 1))
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "rule", "line", "problem", "remedy"),
    [
        ("name: small\n", "", None, 1, "`name` is missing", "add it"),
        ("id: long", "id: Long", "Long", 4, "`id` is wrong, but is 'Long'", "match pattern"),
        ("id: copy", "id: long", "long", 9, "line 4 has a rule of this id", "its own id"),
        ("title: Long track", "titel: x", "long", 4, "`title` is missing", "add it"),
        ("outcome: review", "outcome: blok", "long", 7, "`outcome` is wrong", "'block'"),
        ("    outcome: review\n", "", "long", 4, "it has no outcome", "add `outcome`"),
        ("outcome: review", "outcome: restrict", "long", 7, "belong together", "both or neither"),
        (
            "outcome: review",
            "outcome: restrict\n    restriction: {kind: age}",
            "long",
            8,
            "`kind: age` and `min_age` belong together",
            "both or neither",
        ),
        (
            "    outcome: block",
            "    phase: exempt\n    outcome: block",
            "copy",
            17,
            "an exemption has no outcome",
            "take `outcome` out",
        ),
        (
            "    outcome: review",
            "    phase: exempt",
            "long",
            7,
            "an exemption exempts matches",
            "add `for_each: matches`",
        ),
        ("duration > 600.0", "duration >", "long", 6, "Syntax error", "one small CEL expression"),
        ("duration > 600.0", "has(account.strikes)", "long", 6, "has()", "CEL expression"),
        (
            "duration > 600.0",
            "true && !('strikes' in account)",
            "long",
            6,
            "`in`",
            "CEL expression",
        ),
        ("duration > 600.0", "match.score > 0.5", "long", 6, "reads `match`", "for_each"),
        (
            "    when: duration > 600.0\n",
            "    applies: match.score > 0.5\n    when: duration > 600.0\n",
            "long",
            6,
            "before any match",
            "`when`",
        ),
        ("duration > 600.0", f"duration > {'1' * 400}.0", "long", 6, "413 characters", "small"),
        (
            "duration > 600.0",
            "matches.all(a, matches.all(b, a.score == b.score))",
            "long",
            6,
            "nested 2 deep",
            "small CEL expression",
        ),
        ("all:\n", "every:\n", "copy", 12, "neither a clause nor one of", "`all:` or `any:`"),
        ("- not: match.same_holder", "- any: []", "copy", 15, "neither a clause", "with a list"),
        ("when: duration > 600.0", "when: 7", "long", 6, "neither a clause", "in quotes"),
        ("{duration:seconds}", "{lenght}", "long", 8, "{lenght} names nothing", "name a fact"),
        ("{duration:seconds}", "{match.title}", "long", 8, "{match.title} names", "name a fact"),
        ("{duration:seconds}", "{duration!r}", "long", 8, "is not a place", "name a fact"),
        ("{duration:seconds}", "{duration", "long", 8, "a brace stands alone", "name a fact"),
        (
            "title: Copy",
            "title: Copy\n    where: match.title",
            "copy",
            11,
            "not a fact that lists territories",
            "match.licence_territories",
        ),
        ("title: Copy", "title: Copy\n    where: [de]", "copy", 11, "`where", "match pattern"),
        (
            "manifest_score: 0.99, ",
            "",
            "copy",
            9,
            "it blocks, but the pack sets no manifest_score",
            "must be manifest",
        ),
        (
            "{manifest_score: 0.99",
            "{manifest_score: .nan",
            None,
            None,
            "canonical form",
            "finite numbers",
        ),
        ("duration: 700", "lenght: 700", "a long track goes to review", 20, "`lenght`", "spelling"),
        ("duration: 700", "duration: -1", "a long track goes to review", 20, "is -1", "greater"),
        ("decision: review", "decision: hold", "a long track goes to review", 21, "'hold'", "be"),
        ("[long]", "[lang]", "a long track goes to review", 21, "rule 'lang'", "of this pack"),
        ("name: small", "name: small\nname: big", None, 2, "'name' is given twice", "mend"),
        ("name: small", "name: [small", None, 2, "expected", "mend the YAML"),
        ("name: small", "name: !!python/name:os.system x", None, 1, "constructor", "mend the YAML"),
    ],
)
def test_pack_error_names_rule_line_and_remedy(
    old: str, new: str, rule: str | None, line: int | None, problem: str, remedy: str
) -> None:
    error = wrong(old, new)
    assert (error.rule, error.line) == (rule, line)
    assert problem in error.problem
    assert remedy in error.remedy
    assert error.problem in str(error)
    assert line is None or f"line {line}" in str(error)


def test_anchor_used_twice_is_refused_before_it_grows() -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30))
    with pytest.raises(PackError, match="uses an anchor") as caught:
        load_pack(f"name: bomb\nl0: &l0 [x]\n{levels}\n")
    assert caught.value.line == 2


def test_deeply_nested_yaml_is_refused_without_a_crash() -> None:
    with pytest.raises(PackError, match="mend the YAML"):
        load_pack(f"name: deep\nrules: {'[' * 5000}{']' * 5000}\n")


def test_our_own_pack_is_read_quickly_as_a_strangers_is_read() -> None:
    text = default_pack_text()
    assert read_marked(text, ours=True) == read_marked(text)
    with pytest.raises(yaml.YAMLError, match="given twice"):
        read_marked("on: NO\non: 2026-01-01", ours=True)
    assert read_marked("on: NO\nof: 2026-01-01", ours=True)[0] == {"on": "NO", "of": "2026-01-01"}


def test_file_that_can_not_be_read_is_named_without_its_folder(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="give the path of a YAML file") as caught:
        load_pack(tmp_path / "none.yaml")
    assert "none.yaml" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_pack_is_the_same_from_a_file_and_from_its_text(tmp_path: Path) -> None:
    file = tmp_path / "small.yaml"
    file.write_text(PACK)
    assert load_pack(file).id == load_pack(str(file)).id == load_pack(PACK).id


def test_layout_and_comments_do_not_change_the_hash_but_a_threshold_does() -> None:
    pack = load_pack(PACK)
    assert pack.id == f"small@sha256:{pack.content_hash}"
    assert len(pack.content_hash) == 64
    assert load_pack("# a comment\n" + PACK.replace("[long]", "[ long ]")).id == pack.id
    assert load_pack(PACK.replace("0.99", "0.98")).id != pack.id


def test_norway_is_a_territory_and_not_a_refusal() -> None:
    pack = load_pack(PACK.replace("title: Long track", "title: Long track\n    where: [NO]"))
    decision = decide(pack, Facts(duration=700.0))
    assert decision.outcomes == {"*": "clear", "NO": "review"}


def test_case_that_fails_says_what_was_expected_and_what_came() -> None:
    pack = load_pack(PACK.replace("duration: 700", "duration: 500"))
    (result,) = test_pack(pack)
    assert not result.passed
    assert result.line == 19
    assert "decision is clear, expected review" in result.differences
