"""Each of the notices and complaints that lie on one track ends by itself, and none is lost when rules decide anew."""

import pytest

from scanner import notices, presumed_uses
from scanner.callers import Caller
from scanner.consumer_groups import GROUPS
from scanner.service import Service
from scanner.tables import Notice, PolicyDecision, PresumedUse, Track
from tests import noticed
from tests.casework import settled
from tests.consenting import analysed_again
from tests.scanner.test_presumed_uses import RELEASE, blocked, outcomes

GROUP = {each.name: each for each in GROUPS}


def taken_down(service: Service, caller: Caller, track: Track, remedy: str) -> Notice:
    notice = noticed.sent(service, caller, track.id)
    noticed.decided(service, notice.id, noticed.NoticeVerdict("action", "copy", "-", remedy))
    settled(service, track.id)
    return notice


def blocks(service: Service, track: Track, *places: str) -> set[str]:
    """In which of some places a track is blocked."""
    found = outcomes(service, track)
    return {each for each in places if found.get(each, found["*"]) == "block"}


@pytest.mark.parametrize("first", ["notices", "presumed-uses"])
@pytest.mark.parametrize("remedy", ["block:AT", "block"])
def test_a_notice_and_a_complaint_both_stay_when_rules_decide_anew(
    service, caller, remedy, first
) -> None:
    """DMCA-T, DE-URHDAG: whichever of them is quicker; and each ends by itself."""
    track, use, holder = blocked(service, caller)
    notice = taken_down(service, caller, track, remedy)

    analysed_again(service, track, RELEASE, GROUP[first])

    assert blocks(service, track, "AT", "DE") == {"AT", "DE"}
    notices.retract(service, notice, caller)
    settled(service, track.id)
    assert blocks(service, track, "AT", "DE") == {"DE"}
    presumed_uses.withdraw(service, holder, use.id)
    settled(service, track.id)
    assert blocks(service, track, "AT", "DE") == set()


def test_two_notices_both_stay_when_rules_decide_anew(service, caller) -> None:
    track, use, holder = blocked(service, caller)
    presumed_uses.withdraw(service, holder, use.id)
    settled(service, track.id)
    first = taken_down(service, caller, track, "block:AT")
    second = taken_down(service, caller, track, "block:FR")

    analysed_again(service, track, RELEASE, GROUP["notices"])

    assert blocks(service, track, "AT", "FR") == {"AT", "FR"}
    notices.retract(service, first, caller)
    settled(service, track.id)
    assert blocks(service, track, "AT", "FR") == {"FR"}
    notices.retract(service, second, caller)
    settled(service, track.id)
    assert blocks(service, track, "AT", "FR") == set()


@pytest.mark.parametrize("remedy", ["block:AT", "block:DE"])
def test_what_a_notice_had_blocked_is_not_kept_by_a_complaint_on_top_of_it(
    service, caller, remedy
) -> None:
    track, use, holder = blocked(service, caller)
    notice = taken_down(service, caller, track, remedy)
    analysed_again(service, track, RELEASE, GROUP["notices"])  # the complaint comes on top now

    notices.retract(service, notice, caller)
    settled(service, track.id)

    with service.database.reading() as session:
        row = session.get_one(PresumedUse, use.id)
        prior = session.get_one(PolicyDecision, row.prior_decision_id)
    assert "block" not in prior.outcomes.values()
    assert blocks(service, track, "AT", "DE") == {"DE"}
    presumed_uses.withdraw(service, holder, use.id)
    settled(service, track.id)
    assert blocks(service, track, "AT", "DE") == set()
