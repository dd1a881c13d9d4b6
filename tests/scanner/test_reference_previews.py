"""References keep a short sound where the operator asks for it, and lose it when they go."""

import io

import numpy as np
import pytest
import soundfile

from scanner import reference_previews, references
from scanner.matched_sound import creators_excerpt, creators_excerpts
from scanner.preview_sound import RATE, warped
from scanner.privacy import blobs
from scanner.reference_previews import excerpt_of, rendered
from scanner.tables import Reference
from tests.running import add_tenant
from tests.songs import RATE as SONG_RATE
from tests.songs import song


@pytest.fixture
def service(make_service):
    return make_service(reference_preview="opus")


@pytest.fixture
def caller(service):
    return add_tenant(service)


@pytest.fixture
def wav(tmp_path):
    path = tmp_path / "song.wav"
    soundfile.write(path, song(7, 12), SONG_RATE)
    return path


def tone(hertz: float, seconds: float) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE, dtype=np.float32)[None]


def pitch(samples: np.ndarray) -> float:
    middle = samples[0, RATE // 2 : -RATE // 2]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    return float(spectrum.argmax() * RATE / len(middle))


def segment(**changes: float) -> dict[str, float]:
    return {
        "query_start": 4, "query_end": 8, "reference_start": 3, "reference_end": 7, "pitch_semitones": 0
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    ("matched", "duration", "heard"),
    [
        ((40, 52), 180, (35, 57)),
        ((2, 9), 180, (0, 14)),
        ((170, 178), 180, (165, 180)),
        ((0, 180), 180, (0, 60)),
        ((0, 10), 10, (0, 5)),
        ((6, 14), 20, (5, 15)),
    ],
)
def test_a_creator_hears_what_matched_and_five_seconds_around_it_and_never_the_whole(
    matched: tuple[int, int], duration: int, heard: tuple[int, int]
) -> None:
    found = segment(reference_start=matched[0], reference_end=matched[1])
    excerpt = creators_excerpt(found, duration)

    assert (excerpt.start_s, excerpt.end_s) == heard
    assert (excerpt.speed, excerpt.semitones) == (1, 0)


@pytest.mark.parametrize(
    ("matched", "heard"),
    [
        ([(0, 30), (60, 90), (120, 150)], [(0, 35), (55, 80), None]),
        ([(0, 30), (10, 20), (60, 65)], [(0, 35), (5, 25), (55, 70)]),
        ([(0, 60), (20, 80)], [(0, 60), (20, 60)]),
        ([(170, 180)] * 3, [(165, 180)] * 3),
    ],
)
def test_all_segments_together_give_no_more_to_hear_than_a_long_one(matched, heard) -> None:
    found = [segment(reference_start=start, reference_end=end) for start, end in matched]
    excerpts = creators_excerpts(found, 180)

    assert [each and (each.start_s, each.end_s) for each in excerpts] == heard


def test_a_preview_is_kept_sounds_like_the_reference_and_goes_with_it(service, caller, wav) -> None:
    reference = references.add(service, caller, path=wav, title="Blue Hour")
    sha256 = str(reference.preview_sha256)
    content = b"".join(service.store.read_range(caller.tenant_id, sha256, 0, None))
    assert content[:4] == b"\x1a\x45\xdf\xa3"  # EBML: WebM
    assert len(content) < 12 * 9000
    assert reference.preview_lufs is not None and -40 < reference.preview_lufs < 0

    references.remove(service, caller, reference.id)
    with service.database.reading() as session:
        assert session.get_one(Reference, reference.id).preview_sha256 is None
    later = service.now() + blobs.UNCLAIMED * 2
    service.now = lambda: later
    blobs.release(service)
    assert not service.store.exists(caller.tenant_id, sha256)


def test_without_the_setting_no_sound_is_kept_and_it_comes_with_the_next_upload(
    make_service, service, caller, wav
) -> None:
    frugal = make_service()
    own = add_tenant(frugal)
    assert references.add(frugal, own, path=wav).preview_sha256 is None
    first = references.add(service, caller, path=wav, audio_sha256="ab" * 32)
    with service.database.transaction() as session:
        session.get_one(Reference, first.id).preview_sha256 = None
    again = references.add(service, caller, path=wav, audio_sha256="ab" * 32)
    assert again.id == first.id
    assert service.store.exists(caller.tenant_id, str(again.preview_sha256))


def test_an_excerpt_begins_two_seconds_before_the_segment_in_the_tracks_own_time() -> None:
    excerpt = excerpt_of(segment(reference_start=10, reference_end=18), duration=60)
    assert (excerpt.speed, excerpt.begins_s) == (2.0, 2.0)
    assert (excerpt.start_s, excerpt.end_s) == (6.0, 22.0)
    early = excerpt_of(segment(reference_start=0, reference_end=4), duration=5)
    assert (early.start_s, early.end_s, early.begins_s) == (0.0, 5.0, 4.0)


@pytest.mark.parametrize(("speed", "semitones"), [(1.06, 1.0), (0.9, -2.0), (1.25, 0.0)])
def test_a_tone_is_warped_to_the_pitch_and_tempo_of_the_track(speed, semitones) -> None:
    excerpt = reference_previews.Excerpt(0, 6, speed, semitones, 0)
    heard = warped(tone(440, 6), RATE, excerpt)
    assert heard.shape[1] / RATE == pytest.approx(6 / speed, rel=0.03)
    assert pitch(heard) == pytest.approx(440 * 2 ** (semitones / 12), rel=0.01)


def test_what_is_rendered_is_the_part_that_matches(service, caller, wav) -> None:
    reference = references.add(service, caller, path=wav)
    excerpt = excerpt_of(segment(pitch_semitones=1), duration=12)
    content = rendered(service, reference, excerpt)
    assert content is rendered(service, reference, excerpt)
    with io.BytesIO(content) as file:
        import av

        with av.open(file) as container:
            frames = sum(frame.samples for frame in container.decode(audio=0))
    assert frames / RATE == pytest.approx(8, abs=0.3)
