"""What a person objects to holds from the next event on (GDPR-21, GDPR-22)."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

import policy
from scanner import backtests, objections, policies, provenance
from scanner.callers import Caller
from scanner.clock import utc_now
from scanner.idempotency import PreconditionFailedError
from scanner.privacy import erasure
from scanner.privacy.export import archive
from scanner.service import Service
from scanner.tables import Case, JournalRow, Objections
from tests import casework, rollouts
from tests.program import answer, initialised
from tests.running import add_tenant
from tests.scanner.audio.recordings import encode, stereo
from tests.signed_files import signed_file
from tests.watermark.provenance.signing import read


def said(service: Service, caller: Caller, name: str = "ana", **wanted: bool) -> dict[str, object]:
    return objections.put(service, caller, name, wanted)


def cases(service: Service, track_id: str) -> list[str]:
    with service.database.reading() as session:
        return list(session.exec(select(Case.kind).where(Case.track_id == track_id)))


def test_an_objection_keeps_its_beginning_until_it_is_taken_back(
    service: Service, caller: Caller
) -> None:
    first = said(service, caller, training=True)
    assert first["training"] is not None
    assert (first["rehearsal"], first["version"]) == (None, 1)
    casework.later(service, hours=1)
    second = said(service, caller, training=True, rehearsal=True)
    assert second["training"] == first["training"]
    assert second["rehearsal"] > second["training"]
    assert said(service, caller, training=False)["training"] is None
    with service.database.reading() as session:
        rows = session.exec(
            select(JournalRow).where(JournalRow.type == "clearance.objections.changed")
        ).all()
    assert [row.data["changed"] for row in rows] == [["training"], ["rehearsal"], ["training"]]


def test_two_who_change_at_once_are_told(service: Service, caller: Caller) -> None:
    said(service, caller, training=True)
    with pytest.raises(PreconditionFailedError):
        objections.put(service, caller, "ana", {"training": False}, expected_version=0)


def test_what_rules_alone_limit_is_put_before_a_person_for_who_objects(
    service: Service, caller: Caller
) -> None:
    ana, ben = (casework.account(service, caller, name) for name in ("ana", "ben"))
    said(service, caller, "ana", automated_decisions=True)
    text = rollouts.pack_text().replace("decision: review", "decision: restrict")
    limit = "outcome: restrict\n    restriction: {kind: age, min_age: 18}"
    pack = rollouts.approved(service, caller, text.replace("outcome: review", limit))
    policies.activate(service, caller, pack)
    hers, his = (
        casework.decided_track(service, caller, 40, account_id=each.id) for each in (ana, ben)
    )
    assert (hers.state, his.state) == ("conditioned", "conditioned")
    assert cases(service, hers.id) == ["human_review"]
    assert cases(service, his.id) == []
    clear = casework.decided_track(service, caller, account_id=ana.id)
    assert cases(service, clear.id) == []


def test_packs_are_not_tried_out_on_the_tracks_of_who_objects(
    service: Service, caller: Caller
) -> None:
    for name in ("ana", "ben"):
        account = casework.account(service, caller, name)
        casework.decided_track(service, caller, account_id=account.id)
    began, pack = utc_now() - timedelta(days=1), policy.default_pack()
    backtest = backtests.Backtest(service, caller.tenant_id, pack, began)
    assert backtest.all() == 2
    said(service, caller, "ana", rehearsal=True)
    assert (backtest.all(), sum(backtest.run())) == (1, 1)


def test_objections_are_exported_and_erased(service: Service, caller: Caller) -> None:
    said(service, caller, training=True)
    with service.database.reading() as session:
        account = erasure.find(session, caller.tenant_id, "ana")
    assert b"objections" in b"".join(archive(service, account))
    erasure.erase_account(service, caller, "ana")
    with service.database.reading() as session:
        assert session.exec(select(Objections)).all() == []


@pytest.mark.parametrize(("training", "use"), [(True, "notAllowed"), (False, "allowed")])
def test_manifests_say_that_nobody_may_train_on_the_tracks_of_who_objects(
    make_service: Callable[..., Service], tmp_path: Path, training: bool, use: str
) -> None:
    service = make_service(training_use="allowed")
    caller = add_tenant(service)
    account = casework.account(service, caller)
    said(service, caller, training=training)
    plain = encode(tmp_path / "take.wav", stereo(1.0), "wav")
    track = casework.decided_track(service, caller, account_id=account.id)
    moment = service.now()
    made = {"generated": {"model": "songmaker"}}
    told = provenance.FileFacts(track, made, "wav", "take-1", moment, "ab" * 16)
    manifest = read(
        signed_file(service, plain, told), service.settings.trust_anchors_file.read_text()
    )
    assert set(dict(manifest.mining).values()) == {use}


def test_an_operator_writes_an_objection_down_and_ends_it(tmp_path: Path) -> None:
    initialised(tmp_path)
    made = answer(tmp_path, "account", "objections", "ana", "--training", "--rehearsal")
    assert made["training"] == made["rehearsal"] is not None
    assert answer(tmp_path, "account", "objections", "ana", "--no-training")["training"] is None
    assert answer(tmp_path, "account", "objections", "ana")["version"] == 2
