"""Of what a recogniser says, only that is believed which two passes hear alike; words are not kept."""

import importlib.util
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from scanner import listening, speech
from scanner.analysis import Evidence
from scanner.speech.agreement import agreed
from scanner.words import facts, look_at
from tests.running import add_tenant

LINE = "We were copper, we were thunder"


def segment(text: str, start: float = 0.0, end: float = 5.0, **changes: float) -> dict[str, object]:
    plain = {"log_probability": -0.2, "no_speech": 0.05, "compression": 1.2}
    return {"start": start, "end": end, "text": text} | plain | changes


def test_what_both_passes_hear_is_believed_with_its_time_and_confidence() -> None:
    heard = agreed("en", [segment(LINE)], [segment("we were copper we were thunder")])
    (span,) = heard.spans
    assert (span.start, span.end, span.text) == (0.0, 5.0, LINE)
    assert span.confidence == pytest.approx(np.exp(-0.2), abs=0.001)
    assert heard.is_whole


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (segment("Thank you for watching"), segment("Please subscribe to my channel")),
        (segment(LINE, log_probability=-1.4), segment(LINE)),
        (segment("na na na na na na", compression=3.1), segment("na na na na na na")),
        (segment(LINE), segment(LINE, start=30.0, end=35.0)),
        (segment("..."), segment("...")),
    ],
    ids=["another text", "improbable", "a loop", "elsewhere", "no words"],
)
def test_invented_text_is_not_believed_and_the_track_counts_as_not_heard(
    first: dict[str, object], second: dict[str, object]
) -> None:
    heard = agreed("en", [first], [second])
    assert heard.spans == ()
    assert not heard.is_whole


def test_a_sung_line_that_might_be_music_is_believed_or_in_doubt_and_never_passed_over() -> None:
    sung = segment(LINE, no_speech=0.67)
    assert [span.text for span in agreed("en", [sung], [sung]).spans] == [LINE]
    assert not agreed("en", [sung], [segment("Thank you for watching")]).is_whole


def test_music_without_words_was_listened_to() -> None:
    heard = agreed("en", [segment("you", no_speech=0.9)], [segment("you", no_speech=0.9)])
    assert (heard.text, heard.is_whole) == ("", True)


words = st.lists(
    st.sampled_from(["la", "we", "were", "thunder", "rain", "you", "no"]), min_size=1, max_size=8
)


@given(words, words)
def test_confidence_is_a_share_and_a_pass_agrees_with_itself(
    one: list[str], other: list[str]
) -> None:
    for second in (one, other):
        heard = agreed("en", [segment(" ".join(one))], [segment(" ".join(second))])
        assert all(0 <= span.confidence <= 1 for span in heard.spans)
    assert len(agreed("en", [segment(" ".join(one))], [segment(" ".join(one))]).spans) == 1


def test_what_is_heard_is_screened_and_told_by_its_seconds_not_by_its_words() -> None:
    passes = [segment(LINE), segment("this bullshit never ends", 5.0, 9.0)]
    evidence = Evidence(hearing=agreed("en", passes, passes))
    look_at(evidence, {})
    assert evidence.words is not None
    (found,) = evidence.words["findings"]
    assert (found["source"], found["times"]) == ("heard", [[5.0, 9.0]])
    assert (evidence.words["heard"], evidence.words["warnings"]) == (True, [])
    assert "bullshit" not in str(evidence.words)
    told = facts(evidence)
    assert told["lyrics_heard"] is True
    assert [fact.source for fact in told["words"]] == ["heard"]


def test_what_is_in_doubt_leaves_the_lyrics_not_heard() -> None:
    evidence = Evidence(hearing=agreed("en", [segment(LINE)], []))
    look_at(evidence, {})
    assert evidence.words is not None
    assert (evidence.words["heard"], evidence.words["warnings"]) == (False, ["lyrics-not-heard"])
    assert evidence.words["hearing"]["doubtful_seconds"] == 5.0


def test_a_track_without_other_words_that_could_not_be_listened_to_says_so(make_service) -> None:
    service = make_service()
    caller = add_tenant(service)
    settings = {"hearing_cpu_seconds": 5.0, "home": Path("/dev/null/nowhere")}
    service.settings = service.settings.model_copy(update=settings)
    decoded = SimpleNamespace(samples=np.zeros((1, 8000), np.float32), sample_rate=8000)
    evidence = Evidence()

    listening.listen(service, caller.tenant_id, decoded, evidence)
    look_at(evidence, {})

    assert evidence.words is not None
    assert evidence.words["warnings"] == ["lyrics-not-heard"]
    assert facts(evidence) == {"lyrics_heard": False}
    assert evidence.detectors["lyrics"] == "not_run"


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("faster_whisper") is None or shutil.which("espeak-ng") is None,
    reason="the extra `speech` and espeak-ng are needed",
)
def test_spoken_words_are_heard(tmp_path: Path) -> None:
    path = tmp_path / "spoken.wav"
    text = "Every window in the city carried somebody away."
    subprocess.run(["espeak-ng", "-s", "140", "-w", str(path), text], check=True)
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    heard = speech.hear(samples.T, rate, tmp_path / "models", 120)
    assert heard.language == "en"
    assert "window in the city" in heard.text.casefold()
    with pytest.raises(speech.NotHeardError):
        speech.hear(np.tile(samples.T, 20), rate, tmp_path / "models", 1)
