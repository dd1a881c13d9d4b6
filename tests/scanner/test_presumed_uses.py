"""DE-URHDAG: what a complaint blocked comes back, whatever else came on top of it meanwhile."""

import pytest
from sqlmodel import select

from scanner import inline, notices, presumed_uses
from scanner.callers import Caller
from scanner.consumer_groups import GROUPS
from scanner.presumed_uses import Attested
from scanner.service import Service
from scanner.tables import PolicyDecision, PresumedUse, Track
from tests import casework, claiming, noticed

(FOLLOW,) = (each for each in GROUPS if each.name == "presumed-uses")
WORD = Attested("Lena Vogt", "It is the hook of the song.", "premature-block-1")


def settled(service: Service, track_id: str) -> Track:
    inline.drive(service, track_id)
    track = casework.track_of(service, track_id)
    inline.drive_group(service, FOLLOW, track.tenant_id)
    return track


def blocked(service: Service, caller: Caller) -> tuple[Track, PresumedUse, Caller]:
    """A short use that its holder had blocked before it is decided on."""
    label = claiming.holder(service, caller)
    song = claiming.reference(service, caller, label)
    ana = casework.account(service, caller)
    event = claiming.analysed(service, caller, song, parts=((0, 12),), account_id=ana.id)
    track = settled(service, event.subject)
    with service.database.reading() as session:
        use = session.exec(select(PresumedUse)).one()
    holder = claiming.of(caller, label)
    presumed_uses.complain(service, holder, use.id, "It is the hook.", WORD)
    settled(service, track.id)
    return track, use, holder


def outcomes(service: Service, track: Track) -> dict[str, str]:
    with service.database.reading() as session:
        found = session.get_one(Track, track.id).decision_id
        return session.get_one(PolicyDecision, found).outcomes


@pytest.mark.parametrize(
    ("remedy", "meanwhile"),
    [
        ("block:AT", {"*": "restrict", "AT": "block", "DE": "clear"}),
        ("block", {"*": "block"}),
    ],
)
def test_a_complaint_taken_back_frees_what_a_notice_rests_on(
    service, caller, remedy, meanwhile
) -> None:
    """The notice stays for itself; it falls back to what was before the complaint."""
    track, use, holder = blocked(service, caller)
    assert outcomes(service, track)["DE"] == "block"
    notice = noticed.sent(service, caller, track.id)
    noticed.decided(service, notice.id, noticed.NoticeVerdict("action", "copy", "-", remedy))

    presumed_uses.withdraw(service, holder, use.id)

    settled(service, track.id)
    assert outcomes(service, track) == meanwhile
    notices.retract(service, notice, caller)
    settled(service, track.id)
    assert outcomes(service, track) == {"*": "restrict", "DE": "clear"}
