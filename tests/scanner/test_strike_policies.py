"""A platform's policy against repeat infringers takes two people, and holds from then on (DMCA-RI)."""

from dataclasses import replace

import pytest

from appeals import strike_policy
from appeals.strike_policy import BadStrikePolicyError
from scanner import strike_policies
from scanner.callers import Caller
from scanner.declarations import DeclarationError
from scanner.errors import ForbiddenError, IllegalTransitionError, NotFoundError
from scanner.journal import Actor
from scanner.service import Service
from tests import casework
from tests.running import add_tenant
from tests.scanner.test_strikes import actioned, standing, strikes

TEXT = """
steps: [{weight: 1, standing: limited}]
window_days: 30
decay_days: 30
weight: 1
weight_again: 2
"""


@pytest.fixture
def service(make_service) -> Service:
    return make_service()


@pytest.fixture
def caller(service) -> Caller:
    made = add_tenant(service)
    casework.at(service, service.now())
    return made


def other(caller: Caller) -> Caller:
    return replace(caller, actor=Actor("another", "policy_lead"))


def holds(service: Service, caller: Caller) -> strike_policy.PolicyInForce:
    with service.database.reading() as session:
        return strike_policies.in_force(session, caller.tenant_id)


def test_nobody_puts_their_own_policy_in_force(service, caller) -> None:
    row = strike_policies.propose(service, caller, TEXT, "We are strict.")
    with pytest.raises(ForbiddenError, match="another login or key"):
        strike_policies.approve(service, caller, row.id)
    with pytest.raises(NotFoundError):
        strike_policies.approve(service, add_tenant(service, "two"), row.id)
    assert holds(service, caller) == strike_policy.in_force()

    strike_policies.approve(service, other(caller), row.id)
    assert holds(service, caller).version == row.policy_hash != strike_policy.in_force().version
    with pytest.raises(IllegalTransitionError, match="in_force"):
        strike_policies.reject(service, other(caller), row.id)
    assert holds(service, add_tenant(service, "three")) == strike_policy.in_force()


def test_one_policy_holds_at_a_time_and_each_change_is_on_record(service, caller) -> None:
    first = strike_policies.propose(service, caller, TEXT, "Strict.")
    strike_policies.approve(service, other(caller), first.id)
    milder = TEXT.replace("limited", "warned")
    second = strike_policies.propose(service, other(caller), milder, "Milder.")
    strike_policies.approve(service, caller, second.id)
    assert holds(service, caller).version == second.policy_hash
    states = [each.data["state"] for each in casework.events(service, first.id)]
    assert states == ["proposed", "in_force", "replaced"]
    third = strike_policies.propose(service, caller, TEXT, "Back.")
    strike_policies.reject(service, other(caller), third.id)
    assert holds(service, caller).version == second.policy_hash


def test_a_text_that_is_no_policy_says_what_to_mend(service, caller) -> None:
    with pytest.raises(DeclarationError, match="window_days"):
        strike_policies.propose(service, caller, "steps: []", "?")


@pytest.mark.parametrize(
    "said",
    [
        "window_days: 9999999999999",
        "weight: 99999999999999999999",
        "steps: [{weight: .inf, standing: limited}]",
        "steps: [{weight: 1, standing: limited, since: 2026-01-01}]",
        "steps: " + "[" * 3000,
    ],
)
def test_numbers_without_end_and_what_nobody_asked_for_are_no_policy(said) -> None:
    name = said.partition(":")[0]
    whole = {"steps": "[{weight: 1, standing: limited}]", "window_days": 9, "decay_days": 9}
    whole |= {"weight": 1, "weight_again": 1}
    rest = "\n".join(f"{key}: {value}" for key, value in whole.items() if key != name)
    with pytest.raises(BadStrikePolicyError):
        strike_policy.read(f"{rest}\n{said}")


def test_strikes_are_given_and_counted_by_the_platforms_own(service, caller) -> None:
    row = strike_policies.propose(service, caller, TEXT, "Strict.")
    strike_policies.approve(service, other(caller), row.id)
    account = casework.account(service, caller)
    actioned(service, caller, account)
    casework.later(service, days=9)
    (strike,) = strikes(service)
    assert strike.policy_version == row.policy_hash
    assert (strike.expires_at - strike.active_from).days == 30
    shown = standing(service, account)
    assert (shown["standing"], shown["policy_version"]) == ("limited", row.policy_hash)
