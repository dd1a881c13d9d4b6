"""Drafts: of one person, unreadable in the database, gone with their key, their account or their time."""

import io
import json
import zipfile
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import select

from scanner import contest_drafts, entry_links
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.contest_drafts import EMPTY
from scanner.errors import ForbiddenError
from scanner.journal import Actor
from scanner.privacy import erasure, export, sweeper
from scanner.privacy.person_keys import Person
from scanner.service import Service
from scanner.tables import Account, ContestDraft
from tests import casework

CLAIM = new_id()
TYPED = {"why-licence": "From the label, in May."}


@pytest.fixture
def ana(service: Service, caller: Caller) -> Caller:
    account = casework.account(service, caller)
    return replace(
        caller,
        actor=Actor(account.id, "creator"),
        scopes=entry_links.SCOPES,
        account_id=account.id,
    )


def rows(service: Service) -> list[ContestDraft]:
    with service.database.reading() as session:
        return list(session.exec(select(ContestDraft)))


def test_a_draft_is_kept_replaced_and_dropped(service, ana) -> None:
    contest_drafts.save(service, ana, "claim", CLAIM, TYPED)
    contest_drafts.save(service, ana, "claim", CLAIM, TYPED | {"name": "Ana"})

    assert contest_drafts.read(service, ana, "claim", CLAIM).fields == TYPED | {"name": "Ana"}
    assert contest_drafts.read(service, ana, "notice", CLAIM) == EMPTY
    (kept,) = rows(service)
    assert "label" not in str(kept.content)
    contest_drafts.drop(service, ana, "claim", CLAIM)
    assert rows(service) == []


def test_another_account_reads_nothing_and_the_platform_neither(service, caller, ana) -> None:
    contest_drafts.save(service, ana, "claim", CLAIM, TYPED)
    bob = casework.account(service, caller, "bob")

    assert contest_drafts.read(service, replace(ana, account_id=bob.id), "claim", CLAIM) == EMPTY
    with pytest.raises(ForbiddenError):
        contest_drafts.read(service, caller, "claim", CLAIM)


def test_without_its_key_a_draft_is_nothing(service, ana) -> None:
    contest_drafts.save(service, ana, "claim", CLAIM, TYPED)

    service.person_keys.destroy(Person("account", ana.account_id))

    assert contest_drafts.read(service, ana, "claim", CLAIM) == EMPTY


def test_whoever_takes_their_data_along_reads_their_drafts(service, ana) -> None:
    """GDPR-15/20."""
    contest_drafts.save(service, ana, "claim", CLAIM, TYPED)
    with service.database.reading() as session:
        account = session.get_one(Account, ana.account_id)

    whole = io.BytesIO(b"".join(export.archive(service, account)))

    with zipfile.ZipFile(whole) as archive:
        (told,) = json.loads(archive.read("tables/contest_draft.json"))
    assert told["content"] == {"content": TYPED}


def test_an_erasure_takes_drafts_along(service, caller, ana) -> None:
    """GDPR-17."""
    contest_drafts.save(service, ana, "claim", CLAIM, TYPED)

    erasure.erase_account(service, caller, "ana")

    assert rows(service) == []


def test_what_nobody_went_on_with_is_swept(service, ana) -> None:
    """GDPR-5e."""
    contest_drafts.save(service, ana, "claim", CLAIM, TYPED)
    moment = service.now()
    casework.at(service, moment + timedelta(days=59))
    sweeper.sweep(service)
    assert len(rows(service)) == 1

    casework.at(service, moment + timedelta(days=61))
    sweeper.sweep(service)
    assert rows(service) == []


def test_what_is_far_too_long_does_not_replace_what_was_kept(service, ana) -> None:
    contest_drafts.save(service, ana, "claim", CLAIM, TYPED)

    contest_drafts.save(service, ana, "claim", CLAIM, {"text": "x" * 30_000})

    assert contest_drafts.read(service, ana, "claim", CLAIM).fields == TYPED
