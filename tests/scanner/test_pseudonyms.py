"""Staff of two platforms can't be known by their names on the other; what was signed before keeps its names."""

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy.engine import make_url
from sqlmodel import select

from scanner import audit, checkpoint_book, checkpoints, keys
from scanner.audit_proofs import Hidden
from scanner.bus.relay import seal_batch
from scanner.callers import Caller
from scanner.events import TrackWithdrawn
from scanner.journal import Actor, record
from scanner.service import Service
from scanner.tables import JournalRow, JournalSeal, User
from tests import casework
from tests.running import add_tenant


@pytest.fixture
def service(make_service) -> Service:
    return make_service()


@pytest.fixture
def rita(service) -> User:
    """A reviewer of no platform, so that she can have keys of two."""
    return keys.create_user(service, "rita@example.org", "reviewer", "a long password of hers")[0]


def done(service: Service, caller: Caller, rita: User, subject: str) -> None:
    """Let her do something on a platform, and seal it."""
    with service.database.transaction() as session:
        record(
            session,
            tenant_id=caller.tenant_id,
            subject=subject,
            version=1,
            data=TrackWithdrawn(reason="asked"),
            now=service.now(),
            actor=Actor(rita.id, "reviewer"),
        )
    seal_batch(service.database)


def shown(service: Service, caller: Caller) -> dict[str, str]:
    """Who did what on a platform, as everybody there sees it."""
    with service.database.reading() as session:
        hidden = Hidden(service, session, caller)
        query = (
            select(JournalRow, JournalSeal)
            .join(JournalSeal, JournalSeal.journal_id == JournalRow.id)
            .where(JournalRow.tenant_id == caller.tenant_id, JournalRow.role == "reviewer")
        )
        return {row.subject: hidden.actor(row, seal) for row, seal in session.exec(query)}


def behind(service: Service, caller: Caller, pseudonym: str) -> str | None:
    with service.database.reading() as session:
        return service.pseudonyms.behind(session, pseudonym, caller.tenant_id)


@contextlib.contextmanager
def unguarded(service: Service) -> Iterator[sqlite3.Connection]:
    """The database, as somebody with its file has it: nothing refuses a change of seals."""
    path = make_url(service.settings.database).database
    with contextlib.closing(sqlite3.connect(str(path), isolation_level=None)) as raw:
        raw.execute("DROP TRIGGER IF EXISTS journal_seals_no_update")
        yield raw


def whole(service: Service) -> bool:
    folder = checkpoints.folder_of(service)
    book = checkpoint_book.read(folder, checkpoints.public_key(service), None)
    with service.database.reading() as session:
        return audit.verify(session, None, book, service.pseudonyms).whole


def test_one_login_has_another_name_on_each_platform_and_each_auditor_opens_their_own(
    service, rita
) -> None:
    one, two = add_tenant(service, "one"), add_tenant(service, "two")
    done(service, one, rita, "here")
    done(service, two, rita, "there")

    (here,), (there,) = shown(service, one).values(), shown(service, two).values()
    assert here != there
    assert here == service.pseudonyms.on(one.tenant_id).of(rita.id)
    assert rita.id not in {here, there}
    assert behind(service, one, here) == behind(service, two, there) == rita.id
    assert behind(service, one, there) is None


def test_what_was_sealed_before_keeps_its_name_and_fits_what_was_signed(service, rita) -> None:
    one = add_tenant(service, "one")
    done(service, one, rita, "before")
    with unguarded(service) as raw:
        raw.execute("UPDATE journal_seals SET names = 1")  # as the migration leaves them
    casework.at(service, service.now() + timedelta(hours=1))
    assert checkpoints.write(service)
    done(service, one, rita, "after")
    casework.at(service, service.now() + timedelta(hours=1))
    assert checkpoints.write(service)

    names = shown(service, one)
    assert names["before"] == service.pseudonyms.of(rita.id) != names["after"]
    assert {behind(service, one, each) for each in names.values()} == {rita.id}
    assert whole(service)

    with unguarded(service) as raw:
        raw.execute("UPDATE journal_seals SET names = 2")
    assert not whole(service)
