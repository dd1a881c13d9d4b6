"""A song that the average of the channels leaves out is found all the same."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from scanner import analysis, references
from scanner.callers import Caller
from scanner.sentences import LEFT_OUT
from scanner.service import Service
from tests.songs import song, write

SECONDS = 20


@pytest.fixture
def known(service: Service, caller: Caller, tmp_path: Path) -> str:
    path = write(tmp_path / "known.wav", song(1, SECONDS))
    return references.add(service, caller, path=path, policy="block", operator=True).id


def found(service: Service, caller: Caller, path: Path) -> analysis.Evidence:
    return analysis.analyse_audio(service, caller.tenant_id, path, "seed")


def stereo(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.stack([left, right], axis=1)


def test_one_channel_turned_over_hides_nothing(service, caller, tmp_path, known) -> None:
    own = song(1, SECONDS)
    evidence = found(service, caller, write(tmp_path / "turned.flac", stereo(own, -own)))
    (match,) = evidence.matches
    assert (match.reference_id, match.kind) == (known, "recording")
    assert match.score > 0.9
    assert match.coverage_query > 0.9
    assert LEFT_OUT not in evidence.stems


def test_another_song_in_the_middle_hides_nothing(service, caller, tmp_path, known) -> None:
    own, decoy = song(1, SECONDS), song(2, SECONDS)
    sound = stereo((decoy + own) / 2, (decoy - own) / 2)
    evidence = found(service, caller, write(tmp_path / "decoy.flac", sound))
    assert not evidence.matches
    (match,) = evidence.stems[LEFT_OUT].matches
    assert (match.reference_id, match.kind) == (known, "recording")
    assert match.score > 0.9
    assert match.coverage_query > 0.9
    assert [each["type"] for each in evidence.warnings] == ["in-difference-of-channels"]


def test_what_is_hidden_in_a_stem_is_the_tracks_too(service, caller, tmp_path, known) -> None:
    own, decoy = song(1, SECONDS), song(2, SECONDS)
    sound = stereo((decoy + own) / 2, (decoy - own) / 2)
    path = write(tmp_path / "bass.flac", sound)
    evidence = analysis.Evidence()
    evidence.with_stem("bass", analysis.analyse_stem(service, caller.tenant_id, path, "seed"))
    (match,) = evidence.stems[f"bass {LEFT_OUT}"].matches
    assert match.reference_id == known
    assert evidence.count_matches() == 1


def test_what_the_average_tells_is_told_once(service, caller, tmp_path) -> None:
    own = song(1, SECONDS)
    path = write(tmp_path / "known.wav", own)
    known = references.add(service, caller, path=path, policy="track", operator=True).id
    evidence = found(service, caller, write(tmp_path / "wide.flac", stereo(own, -0.2 * own)))
    assert {match.reference_id for match in evidence.matches} == {known}
    assert not evidence.stems[LEFT_OUT].matches
    assert evidence.warnings == []


def test_most_stereo_is_searched_once(service, caller, tmp_path, known) -> None:
    own, decoy = song(3, SECONDS), song(2, SECONDS)
    evidence = found(
        service, caller, write(tmp_path / "stereo.flac", stereo(own + 0.4 * decoy, own) / 2)
    )
    assert LEFT_OUT not in evidence.stems
    assert evidence.count_matches() == 0
