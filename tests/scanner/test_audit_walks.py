"""The trail is verified by a worker in slices, from where it fitted before; who reads real ids is on record."""

from dataclasses import replace
from datetime import timedelta

import pytest

from scanner import audit_walks, checkpoints
from scanner.callers import Caller
from scanner.journal import Actor
from scanner.routes.audit import list_audit
from scanner.service import Service
from scanner.tables import AuditWalk
from tests import casework
from tests.journalling import note
from tests.scanner.test_checkpoints import tamper


@pytest.fixture
def service(make_service) -> Service:
    return make_service()


def grown(service: Service, first: int, last: int) -> None:
    for version in range(first, last + 1):
        note(service.database, "a", version, "tenant", sealed=True)


def signed(service: Service) -> None:
    casework.at(service, service.now() + timedelta(hours=1))
    assert checkpoints.write(service)


def walked(service: Service, *, whole: bool = False) -> AuditWalk:
    audit_walks.ask(service, "tenant", whole=whole)
    while audit_walks.work(service):
        pass
    with service.database.reading() as session:
        found = audit_walks.last(session, "tenant")
    assert found is not None
    assert found.state == "done"
    return found


def test_a_walk_begins_at_the_last_checkpoint_that_one_fitted(service: Service) -> None:
    grown(service, 1, 3)
    signed(service)
    grown(service, 4, 5)
    first = walked(service).result
    assert (first["whole"], first["first"], first["sealed"], first["checkpoints"]) == (
        True, 0, 5, 1,
    )  # fmt: skip

    again = walked(service).result
    assert (again["whole"], again["first"], again["sealed"]) == (True, 3, 5)
    assert walked(service, whole=True).result["first"] == 0


def test_a_worker_goes_on_where_the_one_before_it_was(service: Service, monkeypatch) -> None:
    monkeypatch.setattr("scanner.audit.PAGE", 2)
    grown(service, 1, 5)
    audit_walks.ask(service, "tenant")
    assert audit_walks.work(service, seconds=0) == 0  # its slice was over at once
    asked = audit_walks.ask(service, "tenant")
    assert (asked.state, asked.size) == ("waiting", 5)
    assert audit_walks.work(service) == 5
    with service.database.reading() as session:
        found = audit_walks.last(session, "tenant")
    assert found is not None
    assert found.result["whole"]


def test_what_was_altered_behind_the_checkpoint_is_found_and_all_is_walked_anew(
    service: Service,
) -> None:
    grown(service, 1, 3)
    signed(service)
    assert walked(service).result["whole"]
    grown(service, 4, 5)
    tamper(service, "UPDATE journal SET data = '{}' WHERE subject = 'a' AND version = 5")
    found = walked(service).result
    assert (found["first"], found["whole"]) == (3, False)
    assert [(each["kind"], each["sequence"]) for each in found["breaks"]] == [("altered", 5)]
    assert walked(service).result["first"] == 0  # nothing is taken on trust after a break


def test_a_checkpoint_that_is_gone_is_no_place_to_begin(service: Service) -> None:
    grown(service, 1, 3)
    signed(service)
    walked(service)
    for name in checkpoints.folder_of(service).names():
        (service.settings.home / "checkpoints" / name).unlink()
    assert walked(service).result["first"] == 0


def test_a_list_that_tells_real_ids_is_on_record_and_one_of_pseudonyms_is_not(
    service: Service,
) -> None:
    grown(service, 1, 1)
    auditor = Caller("tenant", Actor("auditor-1", "auditor"), frozenset(), user_id="auditor-1")
    list_audit(replace(auditor, user_id=None), service, subject="a")

    list_audit(auditor, service, subject="a")

    found = list_audit(
        replace(auditor, user_id=None), service, type_="clearance.operations.changed"
    )
    (look,) = found["items"]
    assert look["data"]["action"] == "audit.ids_read"
    assert look["data"]["detail"] == {"asked": {"subject": "a"}}
