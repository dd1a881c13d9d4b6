"""Figures about how people judge otherwise than the rules, by what it was about and by who judged."""

from datetime import timedelta

from scanner import dashboards
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.service import Service
from scanner.tables import Case, CaseVerdict, Generation, PolicyDecision, Take
from tests import casework, rollouts


def judged(
    service: Service,
    decision: PolicyDecision,
    reviewer_id: str,
    verdict: str,
    kind: str = "review",
) -> None:
    now, own = service.now(), {"tenant_id": decision.tenant_id}
    case = Case(
        id=new_id(), track_id=decision.track_id, kind=kind, state="closed", priority=0,
        decision_id=decision.id, reasons=[], opened_at=now, closed_at=now, **own,
    )  # fmt: skip
    given = CaseVerdict(
        id=new_id(), case_id=case.id, reviewer_id=reviewer_id, role="reviewer", verdict=verdict,
        reason="other", text="", state="applied", created_at=now - timedelta(hours=1), **own,
    )  # fmt: skip
    with service.database.transaction() as session:
        session.add(case)
        session.flush()
        session.add(given)


def generated(service: Service, decision: PolicyDecision, parameters: dict, take: dict) -> None:
    """Make the decision's track a take of a generation."""
    now, own = service.now(), {"tenant_id": decision.tenant_id}
    made = Generation(
        id=new_id(), state="made", prompt="slow jazz", parameters=parameters, reasons=[],
        track_id=decision.track_id, take=take, created_at=now, updated_at=now, **own,
    )  # fmt: skip
    node = Take(
        id=new_id(), project_id=new_id(), generation_id=made.id, track_id=decision.track_id,
        digest="0" * 64, engine="clearance", engine_version="2", locked=[], locked_bars=[], amount=1.0,
        seed=3, bars=8, bar_seconds=2.0, credits=[], document_sha256="0" * 64, created_at=now, **own,
    )  # fmt: skip
    with service.database.transaction() as session:
        session.add_all([made, node])


def test_judgements_are_told_by_the_genre_of_what_was_generated_and_by_reviewer(
    service: Service, caller: Caller
) -> None:
    rita, otto = (casework.person(service, caller, name).user_id for name in ("rita", "otto"))
    asked, read, uploaded = (rollouts.decided(service, caller) for _ in range(3))
    generated(service, asked, {"genre": "Jazz"}, {})
    words = [{"field": "genre", "words": "jazz"}, {"field": "mood", "words": "slow"}]
    generated(service, read, {}, {"understood": words})
    for decision in (asked, read, uploaded):
        judged(service, decision, rita, "dismiss", "spot_check")
        judged(service, decision, rita, "release")
        judged(service, decision, otto, "block")

    with service.database.reading() as session:
        told = dashboards.rates(service, session, caller.tenant_id, service.now())

    (jazz,) = told["genre"]
    assert (jazz.name, jazz.looked_at, jazz.overturned) == ("jazz", 4, 2)
    by_name = {each.name: each.overturned for each in told["reviewer"]}
    assert by_name == {
        service.pseudonyms.on(caller.tenant_id).of(rita): 0,
        service.pseudonyms.on(caller.tenant_id).of(otto): 3,
    }
