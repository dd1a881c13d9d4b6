"""``clearance policy screen``: may a prompt be answered."""

from tests.program import answer, clearance
from tests.scanner.cli.conftest import Installation


def test_a_refused_prompt_is_told_with_its_words_and_exits_with_no(
    installation: Installation,
) -> None:
    prompt = "sounds like Mara Velonde"

    told = clearance(
        installation.home, "policy", "screen", prompt, "--protect", "Mara Velonde", status=1
    ).stdout

    assert "artist" in told
    assert "Describe traits" in told


def test_a_harmless_prompt_is_accepted(installation: Installation) -> None:
    told = answer(installation.home, "policy", "screen", "a slow waltz for strings")

    assert told["accepted"] is True
