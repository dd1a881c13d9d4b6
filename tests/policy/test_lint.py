"""The linter finds each defect that is put into a pack, and nothing in a sound one."""

import pytest

from policy import lint_pack, load_pack

SOUND = """\
name: sound
thresholds: {loud: 3}
rules:
  - id: long
    title: Long track
    when: duration > 600.0
    outcome: review
    statement: "It lasts {duration:seconds}."
  - id: struck
    title: Struck account
    when:
      any:
        - account.strikes >= thresholds.loud
        - origin == 'generated'
    outcome: review
    statement: "The account has strikes."
tests:
  - name: a long track goes to review
    facts: {duration: 700}
    expect: {decision: review}
  - name: a struck account goes to review
    facts: {account: {strikes: 3}}
    expect: {decision: review}
"""


def test_sound_pack_has_nothing_to_mend() -> None:
    assert lint_pack(load_pack(SOUND)) == []


@pytest.mark.parametrize(
    ("old", "new", "kind", "rule", "line", "problem"),
    [
        ("duration >", "lenght >", "unknown-fact", "long", 6, "`lenght` is not a fact"),
        ("account.strikes", "account.strike", "unknown-fact", "struck", 13, "`account.strike`"),
        ("thresholds.loud", "thresholds.quiet", "unknown-fact", "struck", 13, "`thresholds` set"),
        (
            "duration > 600.0",
            "matches.exists(m, m.scor > 0.5)",
            "unknown-fact",
            "long",
            6,
            "`matches[].scor`",
        ),
        ("duration > 600.0", "duration > '600'", "type-error", "long", 6, "can't be evaluated"),
        ("duration > 600.0", "duration + 1.0", "type-error", "long", 6, "neither true nor false"),
        ("duration > 600.0", "lenght(warnings) > 1", "type-error", "long", 6, "lenght"),
        ("'generated'", "'generate'", "impossible-value", "struck", 14, "never 'generate'"),
        ('    statement: "The account has strikes."\n', "", "no-statement", "struck", 9, "told"),
        ("{duration: 700}", "{duration: 7}", "untested", "long", 4, "none of the pack's tests"),
        ("{loud: 3}", "{loud: 3, soft: 1}", "unused-threshold", None, None, "`soft`"),
    ],
)
def test_seeded_defect_is_found(
    old: str, new: str, kind: str, rule: str | None, line: int | None, problem: str
) -> None:
    assert old in SOUND
    found = [f for f in lint_pack(load_pack(SOUND.replace(old, new, 1))) if f.kind == kind]
    assert [(finding.rule, finding.line) for finding in found] == [(rule, line)]
    assert problem in found[0].problem
    assert found[0].remedy in str(found[0])


def test_block_on_the_track_as_a_whole_can_never_be_manifest() -> None:
    manifest = (
        "manifest_score: 0.99, manifest_share: 0.9, manifest_precision: 1, manifest_decided: 1"
    )
    text = SOUND.replace("loud: 3", f"loud: 3, {manifest}").replace(
        "outcome: review", "outcome: block", 1
    )
    (found,) = lint_pack(load_pack(text))
    assert (found.kind, found.rule) == ("never-manifest", "long")
