"""Packs are proposed by one and approved by another, decide from the moment they are put in force, and go back."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from sqlmodel import select

import fingerprint
import policy
from scanner import pipeline, policies
from scanner.audit import verify
from scanner.bus.relay import seal_batch
from scanner.callers import Caller
from scanner.declarations import Declaration
from scanner.errors import (
    ConflictError,
    ForbiddenError,
    IllegalTransitionError,
    NotFoundError,
    PackRefusedError,
    PreconditionFailedError,
    TransientError,
)
from scanner.journal import Event
from scanner.precheck import precheck
from scanner.rollouts import id_of
from scanner.service import Service
from scanner.tables import Case, PolicyDecision, PolicyPack, Track
from tests.rollouts import (
    analysed,
    another,
    approved,
    decided,
    journal,
    pack_text,
    running,
    state_of,
)
from tests.running import add_tenant


def both(make_service, database_url: str, **settings: object) -> Service:
    return make_service(database_url=database_url, **settings)


def packaged(service: Service, caller) -> PolicyPack:
    with service.database.reading() as session:
        return policies.find(session, caller.tenant_id, policy.default_pack().id)


def test_a_platforms_first_decision_is_the_packaged_packs(service, caller) -> None:
    decision = decided(service, caller)

    active, candidate = running(service, caller)
    assert (decision.pack, decision.activation_id) == (policy.default_pack().id, active.id)
    assert (decision.decision, decision.single_operator, candidate) == ("clear", False, None)
    assert decision.explanation["thresholds"] == policy.default_pack().thresholds
    (added,) = journal(service, "clearance.policy.added")
    assert (added.subject, added.actor) == (active.pack_id, "installation")


def test_platforms_that_begin_at_once_get_one_packaged_pack_each(
    make_service, database_url
) -> None:
    service = both(make_service, database_url)
    callers = [add_tenant(service, name) for name in ("one", "two")]

    def begin(caller) -> None:
        policy_packs = type(service.packs)()  # as another process has it
        policy_packs.ensure(service, caller.tenant_id)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(begin, callers * 4))

    assert len(journal(service, "clearance.policy.added")) == 2


def test_whoever_proposed_a_pack_can_not_approve_it(service, caller) -> None:
    pack = policies.add(service, caller, pack_text())
    policies.propose(service, caller, pack)

    with pytest.raises(ForbiddenError, match="another login or key"):
        policies.approve(service, caller, pack)
    assert state_of(service, pack) == "proposed"

    done = policies.approve(service, another(caller), pack)
    assert (done.state, done.proposed_by, done.approved_by) == (
        "approved",
        caller.actor.id,
        "second",
    )
    assert not done.single_operator


def test_a_single_operator_is_named_in_activation_and_decisions(make_service) -> None:
    service = make_service(single_operator=True)
    caller = add_tenant(service)
    pack = policies.add(service, caller, pack_text())
    policies.propose(service, caller, pack)
    policies.approve(service, caller, pack)
    policies.activate(service, caller, pack)

    decision = decided(service, caller)

    active, _ = running(service, caller)
    assert active.single_operator
    assert decision.single_operator
    assert journal(service, "clearance.policy.moved")[-1].data["single_operator"]
    # Two identities under the same setting are two.
    other = approved(service, caller, pack_text(40))
    assert not other.single_operator


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (("expect: {decision: clear}", "expect: {decision: block}"), "a short one is clear"),
        (("duration > thresholds", "durations > thresholds"), "`durations` is not a fact"),
        (('statement: "It lasts', 'statement: "" # "It lasts'), "whoever it affects is told"),
    ],
)
def test_a_pack_that_fails_its_tests_or_the_linter_is_not_proposed(
    service, caller, change, finding
) -> None:
    pack = policies.add(service, caller, pack_text().replace(*change))

    with pytest.raises(PackRefusedError, match=finding):
        policies.propose(service, caller, pack)
    assert state_of(service, pack) == "draft"


@pytest.mark.parametrize("text", ["rules: [", "/etc/hostname", "name: x\nrules: []\n"])
def test_what_is_no_pack_is_not_kept(service, caller, text) -> None:
    with pytest.raises(PackRefusedError):
        policies.add(service, caller, text)


def test_the_same_content_is_kept_once_however_it_is_laid_out(service, caller) -> None:
    first = policies.add(service, caller, pack_text())
    second = policies.add(service, caller, "# a comment\n" + pack_text())

    assert (first.id, first.text) == (second.id, second.text)


def test_only_an_approved_pack_runs_or_decides(service, caller) -> None:
    pack = policies.add(service, caller, pack_text())

    for move in (policies.shadow, policies.activate):
        with pytest.raises(IllegalTransitionError, match="that is draft can't"):
            move(service, caller, pack)
    assert decided(service, caller, 60).decision == "clear"


def test_a_rejected_pack_says_why_and_can_be_proposed_again(service, caller) -> None:
    pack = policies.propose(service, caller, policies.add(service, caller, pack_text()))
    rejected = policies.reject(service, another(caller), pack, "too strict")

    assert (rejected.state, rejected.reason) == ("rejected", "too strict")
    assert policies.propose(service, caller, pack).state == "proposed"


def test_one_candidate_is_rehearsed_at_a_time(service, caller) -> None:
    first, second = approved(service, caller), approved(service, caller, pack_text(40))
    policies.shadow(service, caller, first)

    with pytest.raises(ConflictError, match="is shadow: activate it or retire it first"):
        policies.shadow(service, caller, second)
    policies.retire(service, caller, first, "enough seen")
    assert policies.shadow(service, caller, second).state == "shadow"


def test_a_pack_decides_from_its_activation_on_in_every_process(make_service, database_url) -> None:
    service, other = both(make_service, database_url), both(make_service, database_url)
    caller = add_tenant(service)
    assert decided(other, caller, 60).decision == "clear"
    pack = approved(service, caller)

    policies.activate(service, caller, pack)
    assert decided(other, caller, 60).decision == "review"
    restored = policies.rollback(service, caller, "too many reviews")
    assert decided(other, caller, 60).decision == "clear"

    assert id_of(restored) == policy.default_pack().id
    assert state_of(service, pack) == "retired"
    with pytest.raises(ConflictError, match="no pack was in force before"):
        policies.rollback(service, caller, "once more")


def test_rollbacks_go_back_one_version_after_another(service, caller) -> None:
    packs = [approved(service, caller, pack_text(seconds)) for seconds in (20, 30, 40)]
    for pack in packs:
        policies.activate(service, caller, pack)

    back = [policies.rollback(service, caller, "back").content_hash for _ in range(3)]

    first = packaged(service, caller).content_hash
    assert back == [packs[1].content_hash, packs[0].content_hash, first]


def test_a_rollback_ends_a_canary_and_leaves_the_live_pack(service, caller) -> None:
    pack = approved(service, caller)
    decided(service, caller)
    policies.activate(service, caller, pack, 0.5)

    live = policies.rollback(service, caller, "looks wrong")

    assert id_of(live) == policy.default_pack().id
    assert state_of(service, pack) == "retired"
    assert running(service, caller)[1] is None
    assert policies.activate(service, caller, pack).state == "active"


def test_a_canary_decides_its_share_and_a_changed_share_keeps_its_tracks(service, caller) -> None:
    pack = approved(service, caller)
    policies.activate(service, caller, pack, 0.5)
    _, before = running(service, caller)
    first = [decided(service, caller, 60) for _ in range(40)]
    policies.activate(service, caller, pack, 0.9)
    _, after = running(service, caller)

    outcomes = [decision.decision for decision in first]
    assert 8 <= outcomes.count("review") <= 32
    for decision in first:
        falls = policy.falls_to_candidate(before.id, decision.track_id, 0.5)
        assert (decision.activation_id == before.id) == falls == (decision.decision == "review")
    assert (after.id, after.share) == (before.id, 0.9)


def test_platforms_have_packs_of_their_own(service, caller) -> None:
    other = add_tenant(service, "two")
    pack = approved(service, caller)
    policies.activate(service, caller, pack)

    assert decided(service, caller, 60).decision == "review"
    assert decided(service, other, 60).decision == "clear"
    with service.database.reading() as session, pytest.raises(NotFoundError):
        policies.find(session, other.tenant_id, id_of(pack))


def test_a_pack_is_found_by_its_id_or_enough_of_its_hash(service, caller) -> None:
    pack = policies.add(service, caller, pack_text())
    names = (
        id_of(pack),
        id_of(pack)[:28],
        pack.content_hash,
        pack.content_hash[:8],
    )

    with service.database.reading() as session:
        assert {policies.find(session, caller.tenant_id, name).id for name in names} == {pack.id}
        for name in (f"other@sha256:{pack.content_hash}", pack.content_hash[:7], "%%%%%%%%", ""):
            with pytest.raises(NotFoundError):
                policies.find(session, caller.tenant_id, name)


def test_two_approvals_at_once_are_one(make_service, database_url) -> None:
    service = both(make_service, database_url)
    caller = add_tenant(service)
    pack = policies.propose(service, caller, policies.add(service, caller, pack_text()))
    together = threading.Barrier(4)

    def approve(name: str) -> str:
        together.wait()
        try:
            return policies.approve(service, another(caller, name), pack).state
        except IllegalTransitionError:
            return "too late"

    with ThreadPoolExecutor(4) as pool:
        done = sorted(pool.map(approve, ["a", "b", "c", "d"]))

    assert done == ["approved", "too late", "too late", "too late"]
    moves = [row.data["move"] for row in journal(service, "clearance.policy.moved")]
    assert moves == ["propose", "approve"]


def test_two_activations_at_once_leave_one_pack_in_force(make_service, database_url) -> None:
    service = both(make_service, database_url)
    caller = add_tenant(service)
    packs = [approved(service, caller, pack_text(seconds)) for seconds in (20, 30, 40)]
    together = threading.Barrier(3)

    def activate(pack: PolicyPack) -> None:
        together.wait()
        policies.activate(service, caller, pack)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(activate, packs))

    states = sorted(state_of(service, pack) for pack in packs)
    active, _ = running(service, caller)
    assert states == ["active", "retired", "retired"]
    assert state_of(service, next(pack for pack in packs if pack.id == active.pack_id)) == "active"


def test_no_decision_of_a_pack_is_stored_after_it_was_rolled_back(
    make_service, database_url
) -> None:
    service = both(make_service, database_url)
    caller = add_tenant(service)
    pack = approved(service, caller)
    policies.activate(service, caller, pack)
    events = [analysed(service, caller, 60) for _ in range(24)]
    begun = threading.Event()

    def decide(event) -> None:
        pipeline.decide(service, event)
        begun.set()

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(decide, event) for event in events]
        assert begun.wait(30)
        policies.rollback(service, caller, "now")
        with service.database.reading() as session:
            rolled_back = {
                session.get_one(Track, event.subject).decision_id for event in events
            } - {None}
        for future in futures:
            future.result()

    with service.database.reading() as session:
        made = [
            session.get_one(PolicyDecision, session.get_one(Track, event.subject).decision_id)
            for event in events
        ]
    late = [decision for decision in made if decision.id not in rolled_back]
    assert {decision.decision for decision in late} <= {"clear"}
    assert {decision.pack for decision in late} <= {policy.default_pack().id}
    assert {each.pack for each in made if each.decision == "review"} == {id_of(pack)}


def test_a_change_names_the_version_it_was_read_at(service, caller) -> None:
    pack = policies.add(service, caller, pack_text())
    policies.propose(service, caller, pack, expected_version=1)

    with pytest.raises(PreconditionFailedError):
        policies.approve(service, another(caller), pack, expected_version=1)


def test_every_move_is_in_the_chain_that_audit_verify_walks(service, caller) -> None:
    pack = approved(service, caller)
    policies.shadow(service, caller, pack)
    policies.activate(service, caller, pack, 0.25)
    policies.activate(service, caller, pack)
    policies.rollback(service, another(caller), "worse")
    while seal_batch(service.database):
        pass

    rows = [row for row in journal(service, "clearance.policy.moved") if row.subject == pack.id]
    assert [row.data["move"] for row in rows] == [
        "propose", "approve", "shadow", "canary", "activate", "retire",
    ]  # fmt: skip
    assert [row.version for row in rows] == list(range(2, 8))
    assert (rows[1].actor, rows[3].data["share"]) == ("second", 0.25)
    assert rows[-1].data["reason"] == "worse"
    with service.database.reading() as session:
        report = verify(session, caller.tenant_id)
    assert (report.breaks, report.unsealed) == ((), 0)
    assert report.sealed > len(rows)


def analysed_under_an_unreadable_pack(service: Service, caller: Caller) -> Event:
    pack = approved(service, caller)
    policies.activate(service, caller, pack)
    with service.database.transaction() as session:
        session.get_one(PolicyPack, pack.id).text = "rules: ["
    del service.packs  # as in a process that starts now
    return analysed(service, caller)


def test_a_live_pack_that_can_not_be_read_stops_decisions_until_it_is_replaced(
    service, caller
) -> None:
    event = analysed_under_an_unreadable_pack(service, caller)

    with pytest.raises(TransientError, match="roll back"):
        pipeline.decide(service, event)
    policies.rollback(service, caller, "unreadable")
    pipeline.decide(service, event)

    with service.database.reading() as session:
        track = session.get_one(Track, event.subject)
        assert session.get_one(PolicyDecision, track.decision_id).decision == "clear"


def test_a_track_that_is_given_up_under_a_pack_that_can_not_be_read_waits_for_a_person(
    service, caller
) -> None:
    event = analysed_under_an_unreadable_pack(service, caller)

    with pytest.raises(TransientError, match="roll back"):
        heard = fingerprint.Fingerprint(np.arange(200, dtype=np.uint32), 25.0)
        precheck(service, caller, Declaration.parse({}), print_=heard)
    pipeline.give_up(service, event, "the pack can't be used")

    with service.database.reading() as session:
        track = session.get_one(Track, event.subject)
        decision = session.get_one(PolicyDecision, track.decision_id)
        cases = session.exec(select(Case).where(Case.track_id == track.id)).all()
    assert track.state == "quarantined"
    assert decision.decision in {"review", "indeterminate"}
    assert [case.state for case in cases] == ["queued"]


def test_a_caller_is_one_identity_whatever_its_role(service, caller) -> None:
    pack = policies.propose(service, caller, policies.add(service, caller, pack_text()))
    same = replace(caller, actor=replace(caller.actor, role="admin"))

    with pytest.raises(ForbiddenError):
        policies.approve(service, same, pack)
