"""What hangs on a matter goes with its person, is shown to them, and stays where a hold keeps it."""

import io
import json
import threading
import zipfile
from datetime import timedelta

import pytest
from sqlmodel import select

import appeals
from scanner import appealing, mail, matters
from scanner.appealing import AppealAsked
from scanner.clock import new_id
from scanner.console import case_views as console
from scanner.notice_senders import token_of
from scanner.privacy import blobs, erasure, export, holds, matter_ties, sweeper
from scanner.privacy.personal import ERASED
from scanner.tables import (
    Account,
    Appeal,
    CaseNote,
    Evidence,
    LegalHold,
    Letter,
    Message,
    Notice,
    Sanction,
    Track,
)
from tests import casework, mailbox, noticed, reviewing
from tests.running import add_tenant
from tests.scanner.test_left_copies import left, told


@pytest.fixture
def ana(service, caller) -> Account:
    return casework.account(service, caller)


def appealed(service, caller, ana) -> Appeal:
    """An appeal against a strike, about no track, with evidence, messages and a letter."""
    row = matters.new(
        Appeal, caller.tenant_id, service.now(), subject_kind="strike", subject_id=new_id(),
        account_id=ana.id, filed_by=ana.id, filed_as="creator", reason="the rabbit hole",
    )  # fmt: skip
    own = {"tenant_id": caller.tenant_id, "matter_kind": "appeal", "matter_id": row.id}
    with service.database.transaction() as session:
        matters.opened(service, session, row, appeals.Actor(appeals.Role.CREATOR, ana.id))
        for by_kind, content in (("creator", b"my contract"), ("rights_holder", b"their secret")):
            blob = service.store.put_bytes(caller.tenant_id, content)
            file = Evidence(
                id=new_id(), by_kind=by_kind, by_id=new_id(), name=f"{by_kind}.pdf",
                media_type="application/pdf", sha256=blob.sha256, size_bytes=blob.size,
                created_at=service.now(), **own,
            )  # fmt: skip
            session.add(file)
        for text, internal in (("may I ask", False), ("she is lying", True)):
            note = Message(
                id=new_id(), kind="note", by_kind="reviewer", by_id="rita", text=text,
                internal=internal, created_at=service.now(), **own,
            )  # fmt: skip
            session.add(note)
    mailbox.letter(
        service,
        caller,
        recipient_id=ana.id,
        matter_kind="appeal",
        matter_id=row.id,
        subject="curious",
    )
    return row


def archive(service, ana) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(export.archive(service, ana))))


def test_an_account_gets_its_appeals_letters_and_evidence_and_nobody_elses(
    service, caller, ana
) -> None:
    appealed(service, caller, ana)
    ben = casework.account(service, caller, "ben")
    mailbox.letter(service, caller, recipient_id=ben.id, subject="not hers")

    with archive(service, ana) as zipped:
        tables = {
            name: json.loads(zipped.read(f"tables/{name}.json"))
            for name in ("appeal", "letter", "evidence", "matter_message")
        }
        journal = json.loads(zipped.read("journal.json"))
        (file,) = [name for name in zipped.namelist() if name.startswith("evidence/")]
        assert zipped.read(file) == b"my contract"

    assert [row["reason"] for row in tables["appeal"]] == ["the rabbit hole"]
    assert [row["subject"] for row in tables["letter"]] == ["curious"]
    assert [row["name"] for row in tables["evidence"]] == ["creator.pdf"]
    assert [row["text"] for row in tables["matter_message"]] == ["may I ask"]
    assert any(row["type"].startswith("clearance.appeal.") for row in journal)
    assert "rita" not in json.dumps(tables)


def test_an_erasure_takes_what_hangs_on_the_accounts_matters(service, caller, ana) -> None:
    row = appealed(service, caller, ana)

    erasure.erase_account(service, caller, "ana")

    with service.database.reading() as session:
        assert session.get_one(Appeal, row.id).reason == ERASED
        assert session.exec(select(Evidence)).all() == []
        assert {each.text for each in session.exec(select(Message))} == {ERASED}
        (letter,) = session.exec(select(Letter)).all()
    assert (letter.subject, letter.address) == (ERASED, None)
    casework.at(service, service.now() + timedelta(hours=1))
    assert blobs.release(service) == 2


def test_what_a_sender_says_in_an_open_appeal_outlasts_the_uploader_until_it_is_over(
    make_service,
) -> None:
    """DSA-20: a notice's sender is answered, whoever is erased meanwhile; then it goes, too."""
    service = make_service(second_review_share=0)
    casework.at(service, service.now())
    caller = add_tenant(service)
    ana = casework.account(service, caller)
    notice, (copy,) = left(service, caller)
    with service.database.transaction() as session:
        session.get_one(Track, copy).account_id = ana.id
    assert told(service)
    token = token_of(service, noticed.read(service, notice.id))
    more = {"token": token, "track_id": copy, "evidence": "my contract"}
    row = appealing.file(service, None, AppealAsked("copy", notice.id, "Listen again.", **more))

    erasure.erase_account(service, caller, "ana")
    assert said_in(service, row) == ("Listen again.", 1)
    sweeper.sweep(service)
    assert said_in(service, row) == ("Listen again.", 1)

    appealing.withdraw(service, None, row.id, token)
    hold = holds.place(service, caller, "notice", notice.id, "case 4 of the court")
    sweeper.sweep(service)
    assert said_in(service, row) == ("Listen again.", 1)

    holds.lift(service, caller, hold.id)
    sweeper.sweep(service)
    assert said_in(service, row) == (ERASED, 0)
    assert sweeper.sweep(service).rows == {}


def said_in(service, row: Appeal) -> tuple[str, int]:
    """The text of an appeal, and how many files of evidence there are."""
    with service.database.reading() as session:
        return session.get_one(Appeal, row.id).reason, len(session.exec(select(Evidence)).all())


def test_what_was_asked_and_answered_about_a_case_is_shown_and_goes_with_its_account(
    service, caller, ana
) -> None:
    track = casework.decided_track(service, caller, account_id=ana.id)
    case = appeals.open_case(
        case_id=new_id(), tenant_id=caller.tenant_id, kind="review", reasons=[], now=service.now(),
        track_id=track.id, decision_id=track.decision_id,
    )  # fmt: skip
    with service.database.transaction() as session:
        session.add(case)
        for kind, text in (("answer", "I sang it"), ("note", "she is lying")):
            said = CaseNote(
                id=new_id(), tenant_id=caller.tenant_id, case_id=case.id, author_id="rita",
                role="reviewer", kind=kind, text=text, created_at=service.now(),
            )  # fmt: skip
            session.add(said)

    with archive(service, ana) as zipped:
        shown = json.loads(zipped.read("tables/case_note.json"))
    assert [row["text"] for row in shown] == ["I sang it"]
    assert "rita" not in json.dumps(shown)

    erasure.erase_account(service, caller, "ana")
    with service.database.reading() as session:
        assert {each.text for each in session.exec(select(CaseNote))} == {ERASED}


def test_the_console_still_shows_the_case_of_an_erased_track(service, caller, ana) -> None:
    case = reviewing.about_track(service, caller, account_id=ana.id)

    erasure.erase_account(service, caller, "ana")

    assert console.view(service, caller, reviewing.case_of(service, case)).flips is None


def test_an_account_is_shown_its_suspensions_without_who_signed_them(service, caller, ana) -> None:
    row = Sanction(
        id=new_id(), tenant_id=caller.tenant_id, version=1, party_kind="account", party_id=ana.id,
        what="uploads", kind="warning", state="proposed", reason="three copies", factors={},
        signed_by="rita", created_at=service.now(),
    )  # fmt: skip
    with service.database.transaction() as session:
        session.add(row)

    with archive(service, ana) as zipped:
        (shown,) = json.loads(zipped.read("tables/sanction.json"))

    assert shown["reason"] == "three copies"
    assert "rita" not in json.dumps(shown)


def test_a_held_matter_keeps_its_account_and_what_hangs_on_it(service, caller, ana) -> None:
    row = appealed(service, caller, ana)
    hold = holds.place(service, caller, "appeal", row.id, "case 4 of the court")

    with pytest.raises(holds.LegalHoldError, match="case 4 of the court"):
        erasure.erase_account(service, caller, "ana")
    casework.at(service, service.now() + timedelta(days=2200))
    sweeper.sweep(service)
    with service.database.reading() as session:
        assert len(session.exec(select(Evidence)).all()) == 2
        assert len(session.exec(select(Letter)).all()) == 1

    holds.lift(service, caller, hold.id)
    assert sweeper.sweep(service).blobs == 2
    with service.database.reading() as session:
        assert session.exec(select(Evidence)).all() == []
        assert session.exec(select(Letter)).all() == []


def test_a_held_notice_outlives_its_time(service, caller) -> None:
    notice = matters.new(Notice, caller.tenant_id, service.now(), form="dmca", elements={})
    with service.database.transaction() as session:
        matters.opened(service, session, notice, appeals.Actor(appeals.Role.NOTIFIER, "sender"))
    holds.place(service, caller, "notice", notice.id, "a claim")
    casework.at(service, service.now() + timedelta(days=2200))

    sweeper.sweep(service)

    with service.database.reading() as session:
        assert session.get(Notice, notice.id) is not None


def test_what_others_are_still_to_be_told_is_sent_and_then_emptied(
    make_service, caller, ana
) -> None:
    with mailbox.running() as box:
        service = make_service(smtp_host="127.0.0.1", smtp_port=box.port, smtp_tls="off")
        row = appealed(service, caller, ana)
        about = {"matter_kind": "appeal", "matter_id": row.id}
        theirs = mailbox.letter(
            service,
            caller,
            recipient_kind="holder",
            recipient_id="label",
            address="label@example.org",
            body="Ana has appealed.",
            **about,
        )

        erasure.erase_account(service, caller, "ana")
        mail.send_due(service)

    assert [each["To"] for each in box.messages] == ["label@example.org"]
    assert "Ana has appealed." in box.messages[0].get_content()
    with service.database.reading() as session:
        sent = session.get_one(Letter, theirs.id)
    assert (sent.state, sent.body, sent.address) == ("sent", ERASED, None)


def test_a_hold_on_a_matter_comes_before_an_erasure_or_after_it(
    make_service, postgresql_url
) -> None:
    service = make_service(database_url=postgresql_url)
    caller = add_tenant(service)
    row = appealed(service, caller, casework.account(service, caller))
    erased: list[object] = []

    def erase() -> None:
        try:
            erased.append(erasure.erase_account(service, caller, "ana"))
        except holds.LegalHoldError as error:
            erased.append(error)

    with service.database.transaction() as session:  # as a hold that is being placed
        matter_ties.find(session, "appeal", row.id, lock=True)
        thread = threading.Thread(target=erase)
        thread.start()
        thread.join(2)
        assert thread.is_alive()  # it waits
        session.add(
            LegalHold(
                id=new_id(),
                tenant_id=caller.tenant_id,
                object_kind="appeal",
                object_id=row.id,
                basis="A court asks.",
                placed_by="admin",
                placed_at=service.now(),
                version=1,
            )
        )
    thread.join(60)

    assert isinstance(erased[0], holds.LegalHoldError)
    with service.database.reading() as session:
        assert session.get_one(Appeal, row.id).reason == "the rabbit hole"
