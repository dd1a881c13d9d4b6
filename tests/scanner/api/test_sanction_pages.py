"""A notifier without a key sees what they were warned of, or suspended from, and appeals it by the link in the letter."""

import re

import pytest

from scanner import appeal_outcomes, appealing, sanctions
from scanner.appeal_parts import AppealDecision
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.errors import NotFoundError, UnauthorisedError
from scanner.journal import Actor
from scanner.sanctions import SanctionAsked
from tests import casework, noticed
from tests.scanner.api.conftest import Api, Platform
from tests.scanner.test_sanctions import SENT


@pytest.fixture
def caller(platform: Platform) -> Caller:
    return Caller(platform.tenant.id, Actor("platform", "platform"), frozenset())


@pytest.fixture
def olga(api: Api, caller: Caller) -> Caller:
    return casework.person(api.service, caller, "olga", "appeals_officer")


def test_a_warned_notifier_appeals_by_the_link_and_answers_the_officer(
    api: Api, caller: Caller, olga: Caller
) -> None:
    """DSA-20, DSA-23: told at the confirmed address, in the language of their notice."""
    track = casework.decided_track(api.service, caller)
    notice = noticed.sent(api.service, caller, track.id, language="fr")
    asked = SanctionAsked("notifier", notice.notifier_digest, "notices", "warning", "Five.", SENT)
    row = sanctions.propose(api.service, olga, asked)

    (letter,) = casework.letters(api.service, template="sanction")
    assert (letter.address, letter.language) == ("ada@example.org", "fr")
    found = re.search(r"(/public/sanctions/[0-9a-f-]+)\?token=([\w-]+)", letter.body)
    assert found is not None
    address, token = found.groups()
    client = api.client()
    page = client.get(address, params={"token": token})
    assert page.status_code == 200 and "Five." in page.text
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert client.get(address, params={"token": "x" * 43}).status_code == 404

    assert client.post(f"{address}/appeal", data={"token": token, "reason": " "}).status_code == 422
    sent = client.post(f"{address}/appeal", data={"token": token, "reason": "They were mine."})
    assert sent.status_code == 200 and "They were mine." in sent.text
    with api.service.database.reading() as session:
        (filed,) = appealing.listed(session, caller, limit=9, subject_kind="sanction")
    assert (filed.subject_id, filed.filed_as) == (row.id, "notifier")

    otto = casework.person(api.service, caller, "otto", "appeals_officer")
    appealing.assign(api.service, otto, filed.id)
    appealing.ask(api.service, otto, filed.id, "Who wrote them?")
    (question,) = casework.letters(api.service, template="appeal-question")
    assert question.address == "ada@example.org"
    assert "Who wrote them?" in client.get(address, params={"token": token}).text
    client.post(f"{address}/appeal-answer", data={"token": token, "text": "I did."})
    with api.service.database.reading() as session:
        assert appealing.find(session, caller, filed.id).state == "assigned"
    appeal_outcomes.decide(api.service, otto, filed.id, AppealDecision("grant", "It was you."))
    assert '<span class="state">lifted</span>' in client.get(address, params={"token": token}).text


def test_nobody_is_warned_who_never_sent_a_notice(
    api: Api, caller: Caller, olga: Caller, platform: Platform
) -> None:
    """DSA-23: a digest that is mistyped, or another platform's, is nobody who could be told."""
    track = casework.decided_track(api.service, caller)
    digest = noticed.sent(api.service, caller, track.id).notifier_digest
    elsewhere = Caller(api.platform("two").tenant.id, Actor("platform", "platform"), frozenset())
    oona = casework.person(api.service, elsewhere, "oona", "appeals_officer")
    for officer, party in ((olga, "0" * 64), (oona, digest)):
        asked = SanctionAsked("notifier", str(party), "notices", "warning", "Five.", SENT)
        with pytest.raises(NotFoundError, match="notifier"):
            sanctions.propose(api.service, officer, asked)


def test_no_token_opens_what_hits_somebody_with_a_key(
    api: Api, caller: Caller, olga: Caller
) -> None:
    account = casework.account(api.service, caller)
    asked = SanctionAsked("account", account.id, "uploads", "warning", "Five.", SENT)
    row = sanctions.propose(api.service, olga, asked)
    (token, *_) = api.service.secrets.link_tokens("sanction", row.id)
    (letter,) = casework.letters(api.service, template="sanction")
    assert "/public/sanctions/" not in letter.body
    assert api.client().get(f"/public/sanctions/{row.id}?token={token}").status_code == 404
    with pytest.raises(NotFoundError):
        appealing.file(api.service, None, AppealAsked("sanction", row.id, "No.", token=token))
    with pytest.raises(UnauthorisedError):
        appealing.file(api.service, None, AppealAsked("sanction", row.id, "No."))
