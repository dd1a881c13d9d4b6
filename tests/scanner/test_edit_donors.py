"""A track whose sound fills another one is gone: a person looks at what has its seconds."""

import pytest

from scanner import claims, edit_donors, inline, tracks
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.consumer_groups import GROUPS
from scanner.events import TrackReleased
from scanner.journal import event_of
from scanner.service import Service
from scanner.tables import Account, Case, Track, TrackEdit
from scanner.verdicts import Verdict
from tests import casework, noticed, reviewing, rollouts

(CLAIMS,) = (each for each in GROUPS if each.name == claims.GROUP)

DISMISS = Verdict("dismiss", "human.nothing-wrong")


@pytest.fixture
def ana(service: Service, caller: Caller) -> Account:
    casework.at(service, service.now())
    return casework.account(service, caller)


def fixed(service: Service, caller: Caller, old: Track, new: Track, **part: object) -> None:
    """Note that a track was mended, as an edit does once the new version is out."""
    edit = TrackEdit(
        id=new_id(), tenant_id=old.tenant_id, track_id=old.id, new_track_id=new.id, account_id=old.account_id,
        parts=[{"kind": "cut", "start": 3.0, "end": 5.0} | part], seconds_removed=0, state="replaced",
        created_at=service.now(),
    )  # fmt: skip
    with service.database.transaction() as session:
        session.add(edit)
    tracks.withdraw(service, caller, old.id, "replaced")


def cases(service: Service, caller: Caller) -> list[Case]:
    inline.drive_group(service, CLAIMS, caller.tenant_id)
    return noticed.cases(service, "retro_match")


@pytest.mark.parametrize("gone", ["withdrawn", "blocked"])
def test_what_has_the_sound_of_a_track_that_is_gone_is_put_before_a_person(
    service, caller, ana, gone: str
) -> None:
    own = {"account_id": ana.id}
    donor, old, new, newer, _other = (
        casework.decided_track(service, caller, **own) for _ in range(5)
    )
    fixed(service, caller, old, new, kind="replace", with_track=donor.id, **{"from": 0})
    fixed(service, caller, new, newer)  # mended once more, the donor's seconds still in it
    assert cases(service, caller) == []

    if gone == "withdrawn":
        tracks.withdraw(service, caller, donor.id, "not mine")
    else:
        case = reviewing.opened(
            service, caller, "human_review", track_id=donor.id, decision_id=donor.decision_id
        )
        reviewing.decided(service, casework.person(service, caller, "rita"), case)
        reviewing.later(service, minutes=11)
        inline.drive(service, donor.id)

    (case,) = cases(service, caller)
    assert case.track_id == newer.id
    (reason,) = case.reasons
    assert reason["rule"] == "edit.donor-gone"
    assert donor.id in reason["text"] and f"is {gone} now" in reason["text"]

    reviewing.decided(service, casework.person(service, caller, "otto"), case, DISMISS)
    reviewing.later(service, minutes=11)
    assert reviewing.case_of(service, case).state == "closed"
    assert casework.track_of(service, newer.id).state == "released"


def test_a_fix_that_goes_out_after_its_donor_is_gone_is_put_before_a_person_once(
    service, caller, ana
) -> None:
    own = {"account_id": ana.id}
    donor, old = (casework.decided_track(service, caller, **own) for _ in range(2))
    analysed = rollouts.analysed(service, caller, **own)
    fixed(
        service, caller, old, casework.track_of(service, analysed.subject),
        kind="replace", with_track=donor.id, **{"from": 0},
    )  # fmt: skip
    tracks.withdraw(service, caller, donor.id, "not mine")
    assert cases(service, caller) == []

    inline.drive(service, analysed.subject)
    (case,) = cases(service, caller)
    assert case.track_id == analysed.subject
    (reason,) = case.reasons
    assert reason["rule"] == "edit.donor-gone" and f"{donor.id} into this one" in reason["text"]

    event = casework.events(service, analysed.subject)
    (out,) = (each for each in event if each.type == TrackReleased.type)
    with service.database.transaction() as session:
        edit_donors.look_at(service, session, event_of(out))
    (again,) = cases(service, caller)
    assert again.reasons == case.reasons
