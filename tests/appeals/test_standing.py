"""Standing by strikes, and misuse by the four factors."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appeals.standing import MisusePolicy, Strike, StrikePolicy, Submissions, misuse, standing_of

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ORDER = ["good", "warned", "limited", "suspended"]


def strike(days_ago: int, weight: int = 1, lasts: int = 90) -> Strike:
    begins = NOW - timedelta(days=days_ago)
    return Strike(weight, begins, begins + timedelta(days=lasts))


# DMCA-RI
@pytest.mark.parametrize(
    ("strikes", "due"),
    [
        ([], "good"),
        ([strike(1)], "warned"),
        ([strike(1), strike(80)], "limited"),
        ([strike(1), strike(40), strike(80)], "suspended"),
        ([strike(1, weight=3)], "suspended"),
        ([strike(90)], "good"),
        ([strike(89)], "warned"),
        ([strike(-1)], "good"),
        ([strike(1), strike(91), strike(100)], "warned"),
        ([strike(1, lasts=365), strike(100, lasts=365), strike(200, lasts=365)], "warned"),
    ],
)
def test_standing_follows_the_strikes_that_count(strikes: list[Strike], due: str) -> None:
    assert standing_of(strikes, NOW) == due


def test_a_policy_is_data() -> None:
    lenient = StrikePolicy(((2, "warned"), (10, "suspended")))
    assert standing_of([strike(1)], NOW, lenient) == "good"
    assert standing_of([strike(1, weight=9)], NOW, lenient) == "warned"
    with pytest.raises(ValueError, match="rise"):
        StrikePolicy(((3, "warned"), (2, "suspended")))


STRIKES = st.lists(
    st.builds(strike, st.integers(-10, 200), st.integers(1, 3), st.sampled_from([30, 90, 365])),
    max_size=6,
)


@given(STRIKES, STRIKES)
def test_more_strikes_never_make_a_better_standing(some: list[Strike], more: list[Strike]) -> None:
    before, after = standing_of(some, NOW), standing_of(some + more, NOW)
    assert ORDER.index(before) <= ORDER.index(after)


@given(STRIKES)
def test_every_strike_wanes(strikes: list[Strike]) -> None:
    assert standing_of(strikes, NOW + timedelta(days=400)) == "good"


# DSA-23: number, share, gravity, intent; a warning first
@pytest.mark.parametrize(
    ("sent", "warned", "suggests"),
    [
        (Submissions(0, 0), False, "nothing"),
        (Submissions(100, 4), True, "nothing"),
        (Submissions(100, 10), True, "nothing"),  # a tenth is no habit
        (Submissions(8, 5), False, "warning"),
        (Submissions(8, 5), True, "suspension"),
        (Submissions(100, 2, gravity="grave"), False, "warning"),
        (Submissions(100, 2, gravity="grave", grave=1), True, "nothing"),
        (Submissions(100, 2, intent=True, grave=1), True, "nothing"),
        (Submissions(100, 3, gravity="grave", intent=True, grave=2), True, "suspension"),
        (Submissions(100, 2, intent=True), True, "suspension"),
        (Submissions(1, 1, gravity="grave", intent=True), True, "nothing"),
    ],
)
def test_misuse_is_weighed_and_warned_of_first(
    sent: Submissions, warned: bool, suggests: str
) -> None:
    finding = misuse(sent, warned)
    assert finding.suggests == suggests
    assert bool(finding.because) == (suggests != "nothing")
    assert (finding.count, finding.gravity, finding.intent) == (
        sent.unfounded,
        sent.gravity,
        sent.intent,
    )


def test_a_misuse_policy_is_data() -> None:
    assert misuse(Submissions(10, 3), True, MisusePolicy(least=3, share=0.2)).suggests == (
        "suspension"
    )
