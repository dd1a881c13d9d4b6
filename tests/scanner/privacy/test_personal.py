"""What is personal in the journal is encrypted, readable while its key lives, and whole after."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from sqlalchemy import text

from scanner import audit, event_schemas
from scanner.bus.relay import seal_batch
from scanner.clock import new_id, utc_now
from scanner.database import Database
from scanner.events import TrackHeld, TrackWithdrawn
from scanner.journal import event_of, readable, record
from scanner.matter_events import MATTER_EVENTS
from scanner.privacy.person_keys import Person, PersonKeyError, PersonKeys
from scanner.privacy.personal import CLASSES, ends_at, opened, personal_fields, sealed, slot_of
from scanner.reference_events import ReferenceJudged
from scanner.service import Service
from scanner.tables import JournalRow
from tests.running import add_tenant

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ALICE = Person("account", "alice")
FREE_TEXT = {"reason", "detail", "problem", "note", "text", "email", "basis", "declaration_sha256"}
NOT_PERSONAL = {
    ("clearance.track.withdrawn", "reason"),  # words of the program
    ("clearance.reference.woken", "reason"),  # words of the program
    ("clearance.operations.changed", "detail"),  # scopes, roles, digests
    ("clearance.policy.moved", "reason"),  # staff's words about rules
    ("clearance.track.ruled", "reason"),  # a code
    ("clearance.generation.failed", "problem"),  # a code
    ("clearance.stream.lost", "problem"),  # a code
    ("clearance.stream.ended", "reason"),  # a code
    ("clearance.flagger.changed", "reason"),  # staff's words about an organisation
    *((kind.type, "detail") for kind in MATTER_EVENTS.values()),  # ids and codes
}


def judged(service: Service, tenant_id: str, reason: str, person: Person | None = None) -> str:
    with service.database.transaction() as session:
        event = record(
            session,
            tenant_id=tenant_id,
            subject=new_id(),
            version=1,
            data=ReferenceJudged(opinion="confirmed", reason=reason),
            now=service.now(),
            person=person,
        )
    seal_batch(service.database)
    return event.id


def read(service: Service, row_id: str) -> dict[str, Any]:
    with service.database.reading() as session:
        return readable(event_of(session.get_one(JournalRow, row_id)), service.person_keys).data


@pytest.fixture
def both(make_service: Callable[..., Service], database_url: str) -> Service:
    return make_service(database_url=database_url)


def test_a_personal_field_is_not_in_the_database_and_reads_as_it_was_written(
    both: Service,
) -> None:
    tenant = add_tenant(both).tenant_id
    row_id = judged(both, tenant, "Alice Liddell said so", ALICE)

    with both.database.reading() as session:
        stored = session.execute(text("SELECT CAST(data AS TEXT) FROM journal")).scalars().all()
    assert not any("Liddell" in each or "alice" in each for each in stored)
    assert read(both, row_id) == {"opinion": "confirmed", "reason": "Alice Liddell said so"}


def test_a_destroyed_key_leaves_the_chain_whole_and_the_field_erased(both: Service) -> None:
    tenant = add_tenant(both).tenant_id
    gone, kept = judged(both, tenant, "one", ALICE), judged(both, tenant, "two")

    assert both.person_keys.destroy(ALICE) == 1

    assert read(both, gone) == {"opinion": "confirmed", "reason": "erased"}
    assert read(both, kept)["reason"] == "two"
    with both.database.reading() as session:
        assert audit.verify(session).whole
    after = judged(both, tenant, "three", ALICE)
    assert read(both, after)["reason"] == "three"
    assert read(both, gone)["reason"] == "erased"


def test_only_the_detail_of_a_problem_is_personal(service: Service) -> None:
    data = TrackHeld(problem={"type": "url-refused", "detail": "https://example.org/alice"})
    stored = sealed(service.person_keys, data, "row", ALICE, NOW)
    assert stored["problem"]["type"] == "url-refused"
    assert "example.org" not in json.dumps(stored)
    assert opened(service.person_keys, "row", stored) == (data.model_dump(), [])

    service.person_keys.destroy(ALICE)

    assert opened(service.person_keys, "row", stored) == (
        {"problem": {"type": "url-refused", "detail": "erased"}},
        ["problem.detail"],
    )


def test_rows_of_before_there_were_keys_read_as_they_are(service: Service) -> None:
    old = {"problem": {"type": "x", "detail": "plain"}, "sealed": {"key": "no box"}}
    assert opened(service.person_keys, "row", old) == (old, [])


def test_what_is_encrypted_opens_in_its_own_row_only(service: Service) -> None:
    data = ReferenceJudged(opinion="confirmed", reason="one")
    stored = sealed(service.person_keys, data, "row", ALICE, NOW)
    assert opened(service.person_keys, "another row", stored) == (stored, [])
    assert opened(service.person_keys, "row", stored)[0]["reason"] == "one"


def test_a_database_without_keys_refuses_what_is_personal(database: Database) -> None:
    def write(data: Any) -> None:
        with database.transaction() as session:
            record(session, tenant_id=None, subject="s", version=1, data=data, now=utc_now())

    with pytest.raises(PersonKeyError, match="reason is personal"):
        write(ReferenceJudged(opinion="confirmed", reason="one"))
    write(TrackWithdrawn(reason="words of the program"))


@given(st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_a_key_lives_at_least_its_time_and_a_month_more_at_most(at: datetime) -> None:
    for retention, keep in CLASSES.items():
        lives = ends_at(slot_of(retention, at)) - at
        assert keep < lives <= keep + timedelta(days=31)


def test_a_crash_between_key_and_pointer_gives_a_new_key(tmp_path: Path) -> None:
    keys = PersonKeys(tmp_path / "keys")
    first, _ = keys.ensured(ALICE, "evidence-2026-11")
    shutil.rmtree(tmp_path / "keys" / "keys")

    second, key = keys.ensured(ALICE, "evidence-2026-11")

    assert second != first
    assert keys.find(second) == key
    assert keys.find(first) is None


def test_a_slot_ends_for_all_but_those_who_are_held(tmp_path: Path) -> None:
    keys = PersonKeys(tmp_path / "keys")
    bob = Person("account", "bob")
    references = {each: keys.ensured(each, "evidence-2026-11")[0] for each in (ALICE, bob)}

    assert keys.destroy_slot("evidence-2026-11", but={bob}) == 1
    assert keys.find(references[ALICE]) is None
    assert keys.find(references[bob]) is not None
    assert keys.destroy_slot("evidence-2026-11") == 1
    assert keys.slots() == []


def test_nobody_but_the_owner_can_read_a_key(tmp_path: Path) -> None:
    PersonKeys(tmp_path / "keys").ensured(ALICE, "evidence-2026-11")
    files = [path for path in (tmp_path / "keys").rglob("*") if path.is_file()]
    assert len(files) == 2
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)


@pytest.mark.parametrize("name", ["../x", "a/b", "", "x" * 65])
def test_a_person_is_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="bad person"):
        PersonKeys(tmp_path).ensured(Person("account", name), "evidence-2026-11")


def test_free_text_in_an_event_is_personal() -> None:
    for (type_, _), model in event_schemas.known().items():
        assert issubclass(model, BaseModel)
        free = set(model.model_fields) & FREE_TEXT
        for field in free:
            if (type_, field) not in NOT_PERSONAL:
                assert field in personal_fields(model), f"{type_}.{field}: mark it Personal"
