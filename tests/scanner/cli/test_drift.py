"""``drift``: a baseline is frozen if there is enough, and a day that drifted is told by the status."""

from pathlib import Path

from sqlmodel import select

from scanner.clock import new_id, utc_now
from scanner.service import Service
from scanner.settings import Settings
from scanner.tables import DriftBaseline, DriftDay, Tenant
from tests.program import answer, clearance, initialised, lines


def test_a_baseline_is_frozen_and_days_are_shown_beside_it(tmp_path: Path) -> None:
    initialised(tmp_path)
    none = lines(clearance(tmp_path, "drift", "freeze", "--json", status=1))
    assert [(each["kind"], each["frozen"]) for each in none] == [
        ("recording", False), ("composition", False), ("mark", False), ("words", False),
    ]  # fmt: skip
    assert "drift freeze" in clearance(tmp_path, "drift", "show").stdout
    wrong = clearance(tmp_path, "drift", "freeze", "--to", "2126-01-01", status=2)
    assert "days that are over" in wrong.stderr

    with Service(Settings(home=tmp_path)) as service, service.database.transaction() as session:
        baseline = DriftBaseline(
            id=new_id(), tenant_id=session.exec(select(Tenant)).one().id, kind="mark", edges=[], counts=[900, 100],
            first_day="2026-03-01", last_day="2026-03-28", frozen_by="cli", frozen_at=utc_now(),
        )  # fmt: skip
        session.add(baseline)
        session.flush()
        for day, psi, state in (("2026-03-29", 0.4, "drifted"), ("2026-03-30", None, "few")):
            session.add(DriftDay(baseline_id=baseline.id, day=day, tracks=9, psi=psi, state=state, judged_at=utc_now()))  # fmt: skip
    shown = clearance(tmp_path, "drift", "show").stdout
    assert "0.400" in shown and "drifted" in shown and "too few tracks" in shown
    only = answer(tmp_path, "drift", "show", "--days", "2")
    assert (only["kind"], only["tracks"], only["found"]) == ("mark", 1000, 100)
    with Service(Settings(home=tmp_path)) as service, service.database.transaction() as session:
        session.delete(session.exec(select(DriftDay).where(DriftDay.state == "few")).one())
    clearance(tmp_path, "drift", "show", status=1)
