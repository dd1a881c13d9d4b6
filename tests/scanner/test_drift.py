"""Days of scores beside a frozen baseline: drifted, as before, or too few tracks to tell."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import select

from scanner import drift
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import ConflictError
from scanner.metrics import DRIFT, DRIFT_ALARMS
from scanner.service import Service
from scanner.tables import Analysis, DriftBaseline, JournalRow, Track, TrackMatch
from tests.casework import at
from tests.running import add_tenant

FIRST = date(2026, 3, 2)
SPREAD = [n / 100 for n in range(50, 100)]
"""Scores of matches, of as many tracks."""
LOW = [each / 2 for each in SPREAD]
NONE = [None] * 50


@pytest.fixture
def both(make_service, database_url: str) -> Service:
    """A service on each database that needs 20 tracks a day."""
    return make_service(database_url=database_url, drift_minimum=20)


def day(n: int) -> date:
    return FIRST + timedelta(days=n)


def id_of(when: date) -> str:
    """An id that was made on a day, at noon."""
    noon = datetime.combine(when, datetime.min.time(), UTC) + timedelta(hours=12)
    digits = f"{int(1000 * noon.timestamp()):012x}"
    return f"{digits[:8]}-{digits[8:]}{new_id()[13:]}"


def analysed(
    service: Service,
    caller: Caller,
    when: date,
    scores: Sequence[float | None],
    state: str = "ok",
    *,
    again: bool = False,
    **evidence: object,
) -> None:
    """Write down tracks analysed on a day, the surest match of each, and a weaker one beside it."""
    tracks, analyses, matches = [], [], []
    now, own = service.now(), {"tenant_id": caller.tenant_id}
    for score in scores:
        track_id, analysis_id = new_id(), id_of(when)
        current = new_id() if again else analysis_id
        tracks.append(
            Track(
                id=track_id,
                state="released",
                analysis_id=current,
                created_at=now,
                updated_at=now,
                **own,
            )
        )
        columns = {"watermarks": [], "words": None} | evidence
        analyses.append(
            Analysis(
                id=analysis_id,
                track_id=track_id,
                detectors={"fingerprint": state, "watermark": state, "lyrics": state},
                versions={},
                audio={},
                warnings=[],
                seconds={},
                started_at=now,
                ended_at=now,
                **columns,
                **own,
            )
        )
        for each in () if score is None else (score / 2, score):
            matches.append(
                TrackMatch(
                    id=new_id(),
                    track_id=track_id,
                    analysis_id=analysis_id,
                    reference_id=new_id(),
                    kind="recording",
                    score=each,
                    coverage_query=1,
                    coverage_reference=1,
                    longest_seconds=9,
                    segments=[],
                    **own,
                )
            )
    with service.database.transaction() as session:
        for rows in (tracks, analyses, matches):
            session.add_all(rows)
            session.flush()


def on(service: Service, when: date) -> None:
    at(service, datetime.combine(when, datetime.min.time(), UTC) + timedelta(hours=1))


def told(service: Service, caller: Caller, kind: str = "recording") -> dict[str, tuple]:
    with service.database.reading() as session:
        found = drift.described(session, caller.tenant_id)
    (own,) = [each for each in found if each["kind"] == kind]
    return {row["day"]: (row["state"], row["tracks"], row["psi"]) for row in own["days"]}


def alarms(service: Service) -> list[JournalRow]:
    with service.database.reading() as session:
        query = select(JournalRow).where(JournalRow.type == "clearance.drift.alarm")
        return list(session.exec(query))


def frozen(service: Service, caller: Caller, scores: Sequence[float | None] = SPREAD) -> None:
    """Freeze two days of scores, and go to the morning after a third."""
    analysed(service, caller, day(0), scores)
    analysed(service, caller, day(1), scores)
    on(service, day(2))
    drift.freeze(service, caller, day(0), day(1))
    on(service, day(3))


def test_a_day_is_drifted_as_before_or_of_too_few_tracks(both) -> None:
    caller = add_tenant(both)
    frozen(both, caller)
    analysed(both, caller, day(2), SPREAD)
    analysed(both, caller, day(3), LOW)
    analysed(both, caller, day(4), LOW[:19])
    assert drift.judge_due(both) == 3  # three kinds were looked for, on one day

    on(both, day(5))
    assert drift.judge_due(both) == 6
    assert drift.judge_due(both) == 0

    found = told(both, caller)
    assert found["2026-03-04"] == ("steady", 50, 0.0)
    assert found["2026-03-05"][:2] == ("drifted", 50)
    assert found["2026-03-05"][2] > 0.25
    assert found["2026-03-06"] == ("few", 19, None)
    (alarm,) = alarms(both)
    assert (alarm.data["kind"], alarm.data["day"]) == ("recording", "2026-03-05")
    assert DRIFT_ALARMS.labels("recording")._value.get() == 1
    assert DRIFT.labels("recording")._value.get() == found["2026-03-05"][2]


def test_a_detector_that_finds_nothing_any_more_drifts(both) -> None:
    caller = add_tenant(both)
    frozen(both, caller, [*NONE, *SPREAD])
    analysed(both, caller, day(2), [*NONE, *NONE])
    drift.judge_due(both)
    assert told(both, caller)["2026-03-04"][0] == "drifted"


def test_a_detector_of_rare_finds_that_goes_blind_drifts_though_the_index_is_small(
    make_service,
) -> None:
    service = make_service(drift_minimum=20)
    caller = add_tenant(service)
    frozen(service, caller, [*NONE * 9, *SPREAD[:18]])
    analysed(service, caller, day(2), NONE * 10)
    drift.judge_due(service)
    state, tracks, index = told(service, caller)["2026-03-04"]
    assert (state, tracks) == ("drifted", 500)
    assert index < 0.25
    (alarm,) = alarms(service)
    assert alarm.data["found"] == 0


def test_tracks_that_were_not_looked_at_or_were_looked_at_again_do_not_count(both) -> None:
    caller = add_tenant(both)
    frozen(both, caller)
    analysed(both, caller, day(2), SPREAD)
    analysed(both, caller, day(2), LOW, again=True)
    analysed(both, caller, day(2), NONE, state="failed")
    analysed(both, add_tenant(both, "two"), day(2), LOW)
    drift.judge_due(both)
    assert told(both, caller)["2026-03-04"] == ("steady", 50, 0.0)


def test_marks_and_words_have_their_own_baselines(both) -> None:
    caller = add_tenant(both)
    frozen(both, caller)
    marks = [{"score": 0.4}, {"score": 0.9}]
    words = {"findings": [{"count": 2}, {"count": 1}]}
    analysed(both, caller, day(2), SPREAD, watermarks=marks, words=words)
    drift.judge_due(both)
    assert told(both, caller)["2026-03-04"][0] == "steady"
    assert {told(both, caller, kind)["2026-03-04"][0] for kind in ("mark", "words")} == {"drifted"}
    assert {row.data["kind"] for row in alarms(both)} == {"mark", "words"}
    with both.database.reading() as session:
        scores = drift.scores(session, caller.tenant_id, day(2), day(2))
    assert set(scores["mark"]) == {0.9}
    assert set(scores["words"]) == {3}


def test_a_baseline_of_too_few_tracks_is_not_frozen_and_the_one_before_stays(both) -> None:
    caller = add_tenant(both)
    frozen(both, caller)
    analysed(both, caller, day(2), LOW)
    again = drift.freeze(both, caller, day(2), day(2))
    assert {(each.kind, each.tracks, each.baseline) for each in again} == {
        ("recording", 50, None), ("composition", 0, None), ("mark", 50, None), ("words", 50, None),
    }  # fmt: skip
    drift.judge_due(both)
    assert told(both, caller)["2026-03-04"][0] == "drifted"

    analysed(both, caller, day(2), LOW)
    drift.freeze(both, caller, day(2), day(2))
    assert told(both, caller) == {}  # the new one has no day after it yet
    with both.database.reading() as session:
        ended = [row.ended_at for row in session.exec(select(DriftBaseline)) if row.ended_at]
    assert len(ended) == 3


def test_only_days_that_are_over_are_frozen(both) -> None:
    caller = add_tenant(both)
    on(both, day(2))
    for first, last in ((day(2), day(2)), (day(1), day(0))):
        with pytest.raises(ConflictError, match="days that are over"):
            drift.freeze(both, caller, first, last)
