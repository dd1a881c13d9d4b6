"""Letters reach people through a real mail server: once where all goes well, recognisably where not."""

import pytest
from sqlmodel import select

from scanner import login_links, mail
from scanner.bus.worker import environment
from scanner.service import Service
from scanner.settings import Settings
from scanner.tables import Letter
from tests import casework, mailbox
from tests.mailbox import Mailbox
from tests.running import add_tenant, working
from tests.servers import wait_until


@pytest.fixture
def box():
    with mailbox.running() as box:
        yield box


@pytest.fixture
def mailing(make_service, box) -> Service:
    return make_service(**plain(box))


def plain(box: Mailbox) -> dict[str, object]:
    return {
        "smtp_host": "127.0.0.1",
        "smtp_port": box.port,
        "smtp_tls": "off",
        "mail_from": "moderation@music.example",
        "mail_reply_to": "help@music.example",
    }


def read(service: Service, letter: Letter) -> Letter:
    with service.database.reading() as session:
        return session.get_one(Letter, letter.id)


def test_a_letter_is_mailed_word_for_word_under_a_stable_id(mailing, box) -> None:
    sent = mailbox.letter(mailing, add_tenant(mailing))

    assert mail.send_due(mailing) == 1

    (message,) = box.messages
    assert message["To"] == "ana@example.org"
    assert message["From"] == "moderation@music.example"
    assert message["Reply-To"] == "help@music.example"
    assert message["Subject"] == "Your track is back"
    assert message["Message-ID"] == f"<{sent.id}@music.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Unsubscribe"] is None
    assert message.get_content_type() == "text/plain"
    assert message.get_content().replace("\r\n", "\n") == sent.body
    kept = read(mailing, sent)
    assert (kept.state, kept.attempts, kept.sent_at is not None) == ("sent", 1, True)
    (event,) = casework.events(mailing, sent.id)
    assert (event.type, event.data) == (
        "clearance.letter.sent",
        {"state": "sent", "attempts": 1},
    )
    assert mail.send_due(mailing) == 0


def test_after_a_crash_between_sending_and_writing_it_down_the_same_id_goes_again(
    mailing, box
) -> None:
    mailbox.letter(mailing, add_tenant(mailing))
    claimed = mail._claim(mailing)
    assert claimed is not None
    mail.deliver(mailing.settings, claimed, mailing.now())  # and then the worker is killed

    assert mail.send_due(mailing) == 0  # its lease stands
    casework.at(mailing, mailing.now() + mail.LEASE)
    assert mail.send_due(mailing) == 1

    first, second = box.messages
    assert first["Message-ID"] == second["Message-ID"]
    assert read(mailing, claimed).state == "sent"


def test_a_worker_that_lost_its_lease_writes_nothing_down(mailing, box) -> None:
    letter = mailbox.letter(mailing, add_tenant(mailing))
    late = mail._claim(mailing)
    assert late is not None
    casework.at(mailing, mailing.now() + mail.LEASE)
    assert mail.send_due(mailing) == 1

    mail._settle(mailing, late, mail.Tried("too late"))

    assert read(mailing, letter).state == "sent"


def test_a_busy_server_is_asked_again_later_and_later(mailing, box) -> None:
    letter = mailbox.letter(mailing, add_tenant(mailing))
    box.answers = ["451 come again", "451 come again"]

    mail.send_due(mailing)
    first = read(mailing, letter)
    assert (first.state, first.attempts) == ("waiting", 1)
    assert "451" in str(first.error)
    assert mail.send_due(mailing) == 0
    casework.at(mailing, first.not_before)
    mail.send_due(mailing)
    second = read(mailing, letter)
    assert second.not_before - mailing.now() >= mail.FIRST_WAIT * 2
    casework.at(mailing, second.not_before)
    mail.send_due(mailing)

    assert read(mailing, letter).state == "sent"
    assert len(box.messages) == 1


@pytest.mark.parametrize("answer", ["550 no such person", "553 bad name"])
def test_an_address_that_is_refused_for_good_is_given_up_at_once(mailing, box, answer) -> None:
    letter = mailbox.letter(mailing, add_tenant(mailing))
    box.recipient_answers = [answer]

    mail.send_due(mailing)

    kept = read(mailing, letter)
    assert (kept.state, kept.attempts) == ("failed", 1)
    assert answer[:3] in str(kept.error)
    assert casework.events(mailing, letter.id)[0].data["state"] == "failed"


def test_a_letter_is_given_up_after_its_last_try(make_service, caller) -> None:
    nobody = make_service(smtp_host="127.0.0.1", smtp_port=1, smtp_tls="off")
    letter = mailbox.letter(nobody, caller)

    for _ in range(mail.TRIES):
        assert mail.send_due(nobody) == 1
        casework.at(nobody, read(nobody, letter).not_before)

    assert read(nobody, letter).state == "failed"
    assert mail.send_due(nobody) == 0


@pytest.mark.parametrize(
    "columns",
    [
        {"subject": "Hello\r\nBcc: everybody@example.org"},
        {"address": "ana@example.org\r\nBcc: everybody@example.org"},
        {"address": "ana@example.org, everybody@example.org"},
        {"address": "no address"},
    ],
)
def test_nobody_smuggles_a_header_or_a_recipient_in(mailing, box, columns) -> None:
    letter = mailbox.letter(mailing, add_tenant(mailing), **columns)

    mail.send_due(mailing)

    assert box.messages == []
    assert read(mailing, letter).state == "failed"


def test_what_was_erased_meanwhile_does_not_go_out(mailing, box) -> None:
    letter = mailbox.letter(mailing, add_tenant(mailing), address=None, state="waiting")

    mail.send_due(mailing)

    assert box.messages == []
    assert "gone" in str(read(mailing, letter).error)


@pytest.mark.parametrize("mode", ["starttls", "tls"])
def test_the_way_is_encrypted_and_the_server_is_who_it_says(make_service, tmp_path, mode) -> None:
    context, authority = mailbox.throwaway_certificate(tmp_path)
    options = {"ssl_context": context} if mode == "tls" else {"tls_context": context}
    options |= {} if mode == "tls" else {"require_starttls": True}
    with mailbox.running(**options) as box:
        shared = plain(box) | {"smtp_tls": mode, "smtp_host": "localhost"}
        trusting = make_service(**shared, smtp_ca=authority)
        caller = add_tenant(trusting)
        first = mailbox.letter(trusting, caller)
        assert mail.send_due(trusting) == 1
        assert read(trusting, first).error is None
        assert len(box.messages) == 1

        second = mailbox.letter(trusting, caller)
        doubtful = make_service(**shared)
        assert mail.send_due(doubtful) == 1
        assert "CERTIFICATE_VERIFY_FAILED" in str(read(trusting, second).error)
        assert len(box.messages) == 1


def test_two_workers_on_one_queue_send_each_letter_once(make_service, box, database_url) -> None:
    one = make_service(**plain(box), database_url=database_url)
    two = make_service(**plain(box), database_url=database_url)
    caller = add_tenant(one)
    written = [mailbox.letter(one, caller) for _ in range(6)]

    with working(one, []), working(two, []):
        wait_until(lambda: len(box.raw) >= 6, 30, "six letters")
        wait_until(lambda: all(read(one, each).state == "sent" for each in written), 30, "commits")

    assert len({message["Message-ID"] for message in box.messages}) == len(box.messages) == 6


def test_worker_processes_get_the_password_and_not_its_asterisks() -> None:
    passed = environment(Settings(smtp_password="hunter2", milvus_token="a:b"))

    assert passed["CLEARANCE_SMTP_PASSWORD"] == "hunter2"
    assert passed["CLEARANCE_MILVUS_TOKEN"] == "a:b"


def test_the_link_for_a_password_is_in_the_mail_and_in_no_letter_that_is_kept(mailing, box) -> None:
    made = login_links.invite(mailing, add_tenant(mailing), "nora@example.org", "reviewer")
    assert mail.send_due(mailing) == 1
    (message,) = box.messages
    token = message.get_content().split("/password#", 1)[1].split()[0]
    login_links.set_password(mailing, token, "four quiet herons wade")
    with mailing.database.reading() as session:
        (letter,) = session.exec(select(Letter).where(Letter.recipient_id == made.user.id)).all()
    assert letter.state == "sent"
    assert token not in str(letter.model_dump())
