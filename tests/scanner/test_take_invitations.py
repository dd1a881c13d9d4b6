"""Contributors are asked first: until they accept they see and do nothing, and who declines is left alone."""

from datetime import timedelta

import pytest
from sqlmodel import select

from scanner import (
    ages,
    consents,
    consumer_groups,
    parental_controls,
    people,
    take_invitations,
    take_projects,
    take_variations,
    take_views,
)
from scanner.ages import AgeSaid
from scanner.bus.chores import Chores
from scanner.callers import Caller
from scanner.consents import ConsentAsked
from scanner.errors import ConflictError, ForbiddenError, IllegalTransitionError, NotFoundError
from scanner.inline import drive_group
from scanner.journal import Actor, event_of
from scanner.parental_controls import ControlsSet
from scanner.people import GateClosedError
from scanner.privacy import erasure
from scanner.service import Service
from scanner.tables import Take, TakeContributor, TakeInvitation
from scanner.take_variations import VariationAsked
from tests import casework
from tests.taken import add_take, let_work

PARENT = Actor("parent", "parent")


def adult(service: Service, caller: Caller, *names: str) -> None:
    for name in names:
        ages.assure(service, caller, name, AgeSaid("document", "adult"))


def child(service: Service, caller: Caller) -> str:
    """Assure a child whose parent agreed that it publishes; return the consent."""
    ages.assure(service, caller, "kid", AgeSaid("parent", "child", country="US"))
    words = ConsentAsked("mother", ("publish",), "May your child?", "2026-11", "en", None, "form")
    consent = consents.request(service, caller, "kid", words).consent
    consents.grant(service, consent.id, PARENT)
    return consent.id


def creator(service: Service, caller: Caller, name: str) -> Caller:
    with service.database.reading() as session:
        own = people.find(session, caller.tenant_id, name).id
    return Caller(caller.tenant_id, Actor(name, "creator"), frozenset(), account_id=own)


def waiting(service: Service, who: Caller) -> list[TakeInvitation]:
    with service.database.reading() as session:
        return take_invitations.waiting(service, session, who)


def asked(service: Service, caller: Caller, take: Take, name: str) -> TakeInvitation:
    take_invitations.invite(service, caller, take.id, name)
    return waiting(service, creator(service, caller, name))[0]


def states(service: Service) -> list[str]:
    with service.database.reading() as session:
        query = select(TakeInvitation.state).order_by(TakeInvitation.created_at, TakeInvitation.id)
        return list(session.exec(query))


def works(service: Service) -> int:
    with service.database.reading() as session:
        return len(session.exec(select(TakeContributor)).all())


def people_decide(service: Service, caller: Caller) -> None:
    (group,) = (each for each in consumer_groups.GROUPS if each.name == "people")
    drive_group(service, group, caller.tenant_id)


@pytest.fixture
def take(service, caller) -> Take:
    adult(service, caller, "ana", "ben", "cid")
    return add_take(service, caller.tenant_id, "ana")


def test_until_they_accept_the_invited_see_the_invitation_alone_and_others_are_told_nothing(
    service, caller, take
) -> None:
    let_work(service, caller, take.id, "cid")
    ben, ana = creator(service, caller, "ben"), creator(service, caller, "ana")
    invitation = asked(service, ana, take, "ben")
    take_invitations.invite(service, ana, take.id, "ben")  # again: nothing happens

    with service.database.reading() as session:
        told = take_invitations.describe(session, invitation)
        seen = {name: take_views.tree(session, creator(service, caller, name), take) for name in ("ana", "cid")}  # fmt: skip
    assert (told["invited_by"], told["project"]) == ("ana", "calm, 8 bars, piano and cello")
    assert (seen["ana"]["invited"], seen["ana"]["contributors"]) == (["ben"], ["cid"])
    assert (seen["cid"]["invited"], seen["cid"]["contributors"]) == ([], ["cid"])
    with pytest.raises(ForbiddenError):
        take_variations.vary(service, caller, take.id, VariationAsked(account="ben"))
    with pytest.raises(NotFoundError):
        take_projects.go_on_from(service, ben, take.id)
    for act in (take_invitations.accept, take_invitations.decline):
        with pytest.raises(NotFoundError):
            act(service, creator(service, caller, "cid"), invitation.id)
    (letter,) = casework.letters(service, recipient_id=ben.account_id)
    assert letter.template == "project-invitation" and "ana" not in letter.body

    take_invitations.accept(service, ben, invitation.id)

    (made,) = take_variations.vary(service, caller, take.id, VariationAsked(account="ben"))
    assert made["account"] == "ben"
    told = [event_of(row).data["state"] for row in casework.events(service, invitation.id)]
    assert told == ["invited", "accepted"]


def test_who_declined_is_not_asked_again_and_who_left_or_was_too_late_may_be(
    service, caller, take
) -> None:
    ben = creator(service, caller, "ben")
    take_invitations.decline(service, ben, asked(service, caller, take, "ben").id)
    with pytest.raises(ConflictError, match="declined"):
        take_invitations.invite(service, caller, take.id, "ben")

    cid = creator(service, caller, "cid")
    late = asked(service, caller, take, "cid")
    casework.at(service, late.expires_at)
    assert waiting(service, cid) == []
    with pytest.raises(IllegalTransitionError, match="expired"):
        take_invitations.accept(service, cid, late.id)
    Chores(service).run_due()
    assert states(service) == ["declined", "expired"]
    take_invitations.accept(service, cid, asked(service, caller, take, "cid").id)
    take_invitations.end(service, cid, take.id, "cid")
    assert states(service) == ["declined", "expired", "ended"]
    assert asked(service, caller, take, "cid").expires_at == service.now() + timedelta(days=14)


def test_an_invitation_is_withdrawn_by_whose_project_it_is_and_then_can_not_be_accepted(
    service, caller, take
) -> None:
    invitation = asked(service, caller, take, "ben")
    take_invitations.end(service, creator(service, caller, "ana"), take.id, "ben")
    assert states(service) == ["withdrawn"]
    with pytest.raises(IllegalTransitionError, match="withdrawn"):
        take_invitations.accept(service, creator(service, caller, "ben"), invitation.id)


def test_a_child_without_consent_to_publish_is_not_asked_and_with_it_works_until_it_ends(
    service, caller, take
) -> None:
    ages.assure(service, caller, "kid", AgeSaid("parent", "child", country="US"))
    with pytest.raises(ForbiddenError, match="may not work with others"):
        take_invitations.invite(service, caller, take.id, "kid")
    consent = child(service, caller)
    let_work(service, caller, take.id, "kid")
    people_decide(service, caller)
    assert works(service) == 1

    consents.withdraw(service, consent, PARENT)
    people_decide(service, caller)

    assert (works(service), states(service)) == (0, ["ended"])


def test_an_open_invitation_is_taken_back_when_a_parent_ends_publishing(
    service, caller, take
) -> None:
    child(service, caller)
    invitation = asked(service, caller, take, "kid")
    parental_controls.put(service, caller, "kid", ControlsSet(publishing=False))
    with pytest.raises(GateClosedError):
        take_invitations.accept(service, creator(service, caller, "kid"), invitation.id)
    people_decide(service, caller)
    assert states(service) == ["withdrawn"]


def test_a_child_who_may_not_publish_asks_nobody_and_its_contributors_go(
    service, caller, take
) -> None:
    consent = child(service, caller)
    own = add_take(service, caller.tenant_id, "kid")
    let_work(service, caller, own.id, "ben")
    consents.withdraw(service, consent, PARENT)
    people_decide(service, caller)
    assert works(service) == 0
    with pytest.raises(GateClosedError):
        take_invitations.invite(service, creator(service, caller, "kid"), own.id, "cid")


def test_nobody_joins_a_child_that_may_not_publish_any_more(service, caller) -> None:
    adult(service, caller, "ben")
    consent = child(service, caller)
    own = add_take(service, caller.tenant_id, "kid")
    invitation = asked(service, caller, own, "ben")
    consents.withdraw(service, consent, PARENT)  # and its invitations go a moment later
    with pytest.raises(ConflictError, match="nobody can join"):
        take_invitations.accept(service, creator(service, caller, "ben"), invitation.id)
    people_decide(service, caller)
    assert (works(service), states(service)) == (0, ["withdrawn"])


def test_who_is_asked_over_and_over_gets_one_letter_until_the_time_to_answer_is_over(
    service, caller, take
) -> None:
    ana, ben = creator(service, caller, "ana"), creator(service, caller, "ben")
    for _ in range(3):
        asked(service, ana, take, "ben")
        take_invitations.end(service, ana, take.id, "ben")
    assert len(casework.letters(service, recipient_id=ben.account_id)) == 1

    casework.later(service, days=take_invitations.ANSWER_DAYS + 1)
    asked(service, ana, take, "ben")
    assert len(casework.letters(service, recipient_id=ben.account_id)) == 2


@pytest.mark.parametrize("erased", ["ana", "ben"])
def test_an_invitation_goes_with_the_account_of_either(service, caller, take, erased) -> None:
    asked(service, caller, take, "ben")
    erasure.erase_account(service, caller, erased)
    assert states(service) == []


def test_only_so_many_are_asked_at_once(service, caller, take, monkeypatch) -> None:
    monkeypatch.setattr(take_invitations, "MOST_OPEN", 1)
    asked(service, caller, take, "ben")
    with pytest.raises(ConflictError, match="1 are asked already"):
        take_invitations.invite(service, caller, take.id, "cid")
