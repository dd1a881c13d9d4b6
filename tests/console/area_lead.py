"""The pages of policy leads, auditors and admins, beside those that were there first."""

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlmodel import select

from scanner import backtest_runs, checkpoints, flaggers, keys, policies, strike_policies
from scanner.bus.relay import seal_batch
from scanner.clock import new_id, utc_now
from scanner.privacy import holds
from scanner.tables import (
    Case,
    CaseVerdict,
    DeadLetter,
    PolicyDecision,
    RuleTally,
    User,
)
from tests import rollouts

if TYPE_CHECKING:
    from tests.console.conftest import World

STRICTER = """\
steps:
  - {weight: 1, standing: warned}
  - {weight: 2, standing: suspended}
window_days: 60
decay_days: 90
weight: 1
weight_again: 2
"""
OVERSEERS = {"policy_lead", "admin", "auditor"}
ROUTES: dict[tuple[str, str], set[str | None]] = {
    ("GET", "/login/oidc"): {*keys.ROLES, None},
    ("GET", "/login/oidc/callback"): {*keys.ROLES, None},
    ("GET", "/policies/upload"): {"policy_lead"},
    ("POST", "/policies/upload"): {"policy_lead"},
    ("POST", "/policies/move"): {"policy_lead"},
    ("POST", "/policies/backtest"): {"policy_lead"},
    ("GET", "/policies/backtests/{run}"): {"policy_lead"},
    ("GET", "/policies/strikes"): {"policy_lead"},
    ("POST", "/policies/strikes"): {"policy_lead"},
    ("POST", "/policies/strikes/{policy_id}/{policy_move}"): {"policy_lead"},
    ("GET", "/dashboards"): OVERSEERS,
    ("GET", "/dashboards/{name}.svg"): OVERSEERS,
    ("POST", "/admin/users"): {"admin"},
    ("POST", "/admin/users/{user_id}"): {"admin"},
    ("POST", "/admin/keys"): {"admin"},
    ("GET", "/admin/flaggers"): {"admin"},
    ("POST", "/admin/flaggers"): {"admin"},
    ("POST", "/admin/flaggers/{flagger_id}/remove"): {"admin"},
    ("GET", "/admin/holds"): {"admin"},
    ("POST", "/admin/holds"): {"admin"},
    ("POST", "/admin/holds/{hold_id}/lift"): {"admin"},
    ("GET", "/audit/checkpoint"): {"auditor"},
    ("GET", "/audit/proofs/{object_id}"): {"auditor"},
    ("GET", "/audit/people"): {"auditor"},
    ("POST", "/audit/people"): {"auditor"},
    ("POST", "/audit/verify"): {"auditor"},
    ("GET", "/audit/transparency"): {"auditor"},
}
PAGES: dict[str | None, dict[str, str]] = {
    "policy_lead": {
        "lead-upload": "/policies/upload",
        "lead-pack": "/policies/pack?id={pack}",
        "lead-backtest": "/policies/backtests/{run}",
        "lead-dashboards": "/dashboards",
        "lead-strikes": "/policies/strikes",
    },
    "admin": {
        "lead-users": "/admin/users",
        "lead-keys": "/admin/keys",
        "lead-flaggers": "/admin/flaggers",
        "lead-holds": "/admin/holds",
        "lead-configuration": "/admin/configuration",
    },
    "auditor": {
        "lead-audit": "/audit?subject={track_id}",
        "lead-verify": "/audit/verify",
        "lead-people": "/audit/people",
        "lead-transparency": "/audit/transparency?from=2026-01-01&to=2026-12-31",
    },
}


def fill(world: "World") -> dict[str, str]:
    service, caller, now = world.service, world.caller, utc_now()
    flagger, _ = flaggers.add(service, caller, "Music Watch", "desk@watch.example")
    hold = holds.place(service, caller, "track", world.track_id, "Court file 5:26-cv-1")
    with service.database.reading() as session:
        pack = policies.find(session, caller.tenant_id, world.ids["pack"])
        user = session.exec(select(User).where(User.role == "creator")).one()
    other = rollouts.another(caller)
    stricter = strike_policies.propose(service, other, STRICTER, "Counsel asked for two steps.")
    for seconds in (5, 60, 61):
        rollouts.decided(service, caller, seconds)
    run = backtest_runs.ask(service, caller, pack, now - timedelta(days=1))
    while backtest_runs.work(service):
        pass
    with service.database.transaction() as session:
        _work_of_reviewers(session, world, user.id)
    while seal_batch(service.database):
        pass
    checkpoints.write(service)
    return {
        "run": run.id,
        "policy_id": stricter.id,
        "policy_move": "reject",
        "object_id": world.track_id,
        "name": "queue",
        "user_id": user.id,
        "flagger_id": flagger.id,
        "hold_id": hold.id,
    }


def _work_of_reviewers(session, world: "World", reviewer_id: str) -> None:
    """Verdicts, hours and what went wrong, so that every chart has something to show."""
    now, tenant_id = utc_now(), world.caller.tenant_id
    for hours in range(1, 40, 3):
        hour = (now - timedelta(hours=hours)).replace(minute=0, second=0, microsecond=0)
        session.add(
            RuleTally(tenant_id=tenant_id, pack_id=new_id(), rule="*", hour=hour, fired=90 + hours)
        )
    decision = session.exec(
        select(PolicyDecision).where(PolicyDecision.track_id == world.track_id)
    ).first()
    for number in range(9):
        case = Case(
            id=new_id(), tenant_id=tenant_id, track_id=world.track_id, kind="review", state="closed",
            priority=0, decision_id=decision.id, reasons=[], opened_at=now, closed_at=now,
        )  # fmt: skip
        session.add(case)
        session.flush()
        session.add(
            CaseVerdict(
                id=new_id(), tenant_id=tenant_id, case_id=case.id, reviewer_id=reviewer_id, role="reviewer",
                verdict="release" if number % 3 == 0 else "block", reason="other", text="", state="applied",
                created_at=now - timedelta(hours=number),
            )
        )  # fmt: skip
    session.add(
        DeadLetter(
            id=new_id(), tenant_id=tenant_id, group="decide", topic="tracks", event_id=new_id(), subject=None,
            error="StoreError", detail="", attempts=4, state="dead", payload="", created_at=now,
        )
    )  # fmt: skip
