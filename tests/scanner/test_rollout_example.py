"""The worked example of docs/policy-rollout.md is what its commands print today."""

from scripts.rollout_example import BEGIN, PAGE, page, section


def test_the_page_shows_what_the_commands_print() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.count(BEGIN) == 1
    assert page(text, section()) == text
