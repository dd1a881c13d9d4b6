"""What fails, is given up, comes twice or is taken back: nothing is stuck, lost or released unseen."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pytest
from sqlmodel import select

from scanner import (
    analysis,
    consumer_groups,
    inline,
    pipeline,
    references,
    source_audio,
    tracks,
)
from scanner.bus import dead_letters, dispatch
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.declarations import Declaration
from scanner.errors import IllegalTransitionError
from scanner.journal import Event, event_of
from scanner.service import Service
from scanner.tables import DeadLetter, JournalRow, Track
from tests.running import add_tenant
from tests.songs import RATE, song, write
from tests.submitting import cases, submit, view

KNOWN = song(1, 30)


@pytest.fixture
def known(tmp_path) -> Path:
    return write(tmp_path / "known.wav", KNOWN)


@pytest.fixture
def excerpt(tmp_path) -> Path:
    return write(tmp_path / "excerpt.wav", KNOWN[8 * RATE : 24 * RATE])


def submitted(service: Service, track_id: str) -> Event:
    with service.database.reading() as session:
        row = session.exec(
            select(JournalRow).where(JournalRow.subject == track_id, JournalRow.version == 1)
        ).one()
    return event_of(row)


@pytest.mark.parametrize("moment", ["before the evidence", "after the evidence"])
def test_a_delivery_that_fails_beside_one_that_succeeds_leaves_nothing_stuck(
    service, caller, known, monkeypatch, moment
) -> None:
    track_id = submit(service, caller, known)
    event = submitted(service, track_id)
    failure = {"type": "store-unavailable", "detail": "away"}
    whole = analysis.analyse_audio

    def while_a_twin_fails(*given: object, **more: object) -> object:
        found = whole(*given, **more)
        pipeline._note_failure(service, event, failure)
        return found

    if moment == "before the evidence":
        monkeypatch.setattr(analysis, "analyse_audio", while_a_twin_fails)
        pipeline.analyse(service, event)
    else:
        pipeline.analyse(service, event)
        pipeline._note_failure(service, event, failure)
    inline.drive(service, track_id, 60)

    result = view(service, caller, track_id)
    assert (result["state"], result["problem"]) == ("released", None)


def test_the_last_failure_of_a_twin_does_not_condemn_a_track_that_was_analysed(
    service, caller, known
) -> None:
    track_id = submit(service, caller, known)
    event = submitted(service, track_id)
    (group,) = [each for each in consumer_groups.GROUPS if each.name == "analyse"]
    pipeline.analyse(service, event)

    verdict = dispatch._after_failure(service, group, event, 100, RuntimeError("a twin"))

    assert verdict == dispatch.Finished("duplicate")
    inline.drive(service, track_id, 60)
    assert view(service, caller, track_id)["state"] == "released"
    with service.database.reading() as session:
        assert session.exec(select(DeadLetter)).all() == []


def test_who_is_buried_stays_buried_when_a_slow_twin_comes_to_its_end(
    service, caller, known
) -> None:
    track_id = submit(service, caller, known)
    event = submitted(service, track_id)
    (group,) = [each for each in consumer_groups.GROUPS if each.name == "analyse"]
    pipeline._begin(service, event)
    dispatch._after_failure(service, group, event, 100, RuntimeError("the last try"))

    with pytest.raises(dispatch.AlreadyHandledError), dispatch.once(service, "analyse", event):
        pass
    assert view(service, caller, track_id)["state"] == "quarantined"
    assert view(service, caller, track_id)["problem"]["type"] == "analysis-failed"


def test_an_address_that_answers_differently_is_taken_at_its_first_word(
    service, caller, monkeypatch
) -> None:
    source = tracks.Source(url="https://music.example/song")
    track_id = tracks.submit(service, caller, source, Declaration(), entrance="http", key=new_id())
    with service.database.reading() as session:
        track = session.get_one(Track, track_id)
    answers = iter([b"RIFF....WAVEfmt " * 8, b"fLaC" + b"\0" * 124])

    def fetch(_url: str, _guard: object, _limits: object, sink: IO[bytes], _: object) -> None:
        sink.write(next(answers))

    monkeypatch.setattr(source_audio, "fetch", fetch)
    first = source_audio.bring_in(service, track)
    second = source_audio.bring_in(service, track)
    assert first.sha256 == second.sha256


def test_a_new_account_may_be_named_by_many_at_once(make_service, database_url, known) -> None:
    service = make_service(database_url=database_url)
    caller = add_tenant(service)

    def name(_: int) -> str:
        return submit(service, caller, known, account="new-creator")

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(name, range(12)))) == 12


def given_up(service: Service, caller: Caller, path: Path) -> str:
    """A track whose analysis failed until its event was buried."""
    track_id = submit(service, caller, path)
    event = submitted(service, track_id)
    (group,) = [each for each in consumer_groups.GROUPS if each.name == "analyse"]
    pipeline._begin(service, event)
    pipeline._note_failure(service, event, {"type": "store-unavailable", "detail": "away"})
    dispatch._after_failure(service, group, event, 100, RuntimeError("the last try"))
    return track_id


def test_what_was_given_up_can_be_analysed_again_and_its_case_is_closed(
    service, caller, known
) -> None:
    track_id = given_up(service, caller, known)
    assert view(service, caller, track_id)["problem"]["type"] == "store-unavailable"
    (case,) = cases(service)
    assert (case.kind, case.state) == ("indeterminate", "queued")

    tracks.rescan(service, caller, track_id)
    inline.drive(service, track_id, 60)

    assert view(service, caller, track_id)["state"] == "released"
    (case,) = cases(service)
    assert (case.state, case.version) == ("closed", 2)
    assert case.closed_at is not None


def test_a_dead_letter_of_a_stage_brings_its_track_back_from_the_beginning(
    service, caller, known
) -> None:
    track_id = given_up(service, caller, known)
    with service.database.reading() as session:
        (letter,) = dead_letters.listed(session, caller.tenant_id)

    for _ in range(2):  # the second finds the track on its way and changes nothing
        dead_letters.replay(service, letter.id, caller.tenant_id)
        inline.drive(service, track_id, 60)

        assert view(service, caller, track_id)["state"] == "released"
        assert [case.state for case in cases(service)] == ["closed"]


def test_a_track_that_is_taken_back_leaves_no_case_in_the_queue(service, caller, known) -> None:
    track_id = given_up(service, caller, known)
    tracks.withdraw(service, caller, track_id)
    assert [case.state for case in cases(service)] == ["closed"]
    with service.database.reading() as session:
        types = [
            row.type
            for row in session.exec(
                select(JournalRow).where(JournalRow.subject == cases(service)[0].id)
            )
        ]
    assert types == ["clearance.case.opened", "clearance.case.closed"]


def test_what_a_rule_sent_to_review_is_not_scanned_again_instead(
    service, caller, known, tmp_path
) -> None:
    references.add(service, caller, path=known)  # of no verified holder: review
    track_id = submit(service, caller, known)
    inline.drive(service, track_id, 60)
    assert view(service, caller, track_id)["state"] == "quarantined"
    with pytest.raises(IllegalTransitionError, match="reviewer"):
        tracks.rescan(service, caller, track_id)
