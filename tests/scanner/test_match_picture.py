"""A match as a picture: what it shows, for every sort of match, and that it can be read by all."""

import io
import textwrap
import xml.etree.ElementTree as ET
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

import fingerprint
from benchmarks.alterations import RATE as CD
from benchmarks.alterations import shifted
from fingerprint import Fingerprint, Segment, Waveform
from scanner.match_picture import DOTS, REFERENCE, SIZE, TITLE_WIDTH, MatchPicture, draw
from tests.songs import RATE, song

SVG = "{http://www.w3.org/2000/svg}"


def whole(samples: NDArray[np.float32], rate: int = RATE) -> Fingerprint:
    print_ = fingerprint.fingerprint(samples, rate)
    return fingerprint.completed(print_, samples, rate)


@pytest.fixture(scope="module")
def picture() -> MatchPicture:
    reference, upload = song(1, 30)[None], song(2, 20)[None]
    upload[:, 5 * RATE : 15 * RATE] = reference[:, 12 * RATE : 22 * RATE]
    return MatchPicture(
        kind="recording",
        sentence="from 0:05 to 0:15 your track is the recording 'A & <B>' from 0:12 to 0:22",
        score=0.998,
        segments=(Segment(5, 15, 12, 22, 0.998),),
        track=whole(upload),
        reference=whole(reference),
        track_name="upload.flac",
        reference_name="A & <B>",
        samples=upload,
        sample_rate=RATE,
    )


def pixels(png: bytes) -> NDArray[np.float32]:
    return np.asarray(matplotlib.image.imread(io.BytesIO(png), format="png"))[..., :3]


def texts(svg: bytes) -> list[str]:
    return ["".join(each.itertext()) for each in ET.fromstring(svg).iter(f"{SVG}text")]


def blue(image: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where the track's waveform is: no other part of a picture is blue."""
    return (image[..., 2] > image[..., 0] + 0.25) & (image[..., 2] > 0.4)


def grey(image: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where the reference's waveform is: text is darker."""
    return (np.abs(image - np.array(to_rgb(REFERENCE))) < 0.01).all(axis=2)


def heights(drawn: NDArray[np.bool_]) -> tuple[float, float]:
    """How high a waveform is in the first and in the second half of its strip."""
    strip = drawn[: len(drawn) * 40 // 100]  # above the matrix: a whole side over time
    columns = np.flatnonzero(strip.sum(axis=0) > 1)
    middle = (columns[0] + columns[-1]) // 2
    first, second = strip[:, columns[0] : middle - 5], strip[:, middle + 5 : columns[-1]]
    return float(first.sum(axis=0).mean()), float(second.sum(axis=0).mean())


def without_waveforms(picture: MatchPicture) -> MatchPicture:
    return replace(
        picture,
        track=replace(picture.track, waveform=None),
        reference=replace(picture.reference, waveform=None),
    )


def test_a_drawing_says_in_text_all_that_one_needs_to_read_it(picture: MatchPicture) -> None:
    said = texts(draw(picture, "svg"))
    whole_text = " ".join(said)

    assert (
        "From 0:05 to 0:15 your track is the recording 'A & <B>' from 0:12 to 0:22." in whole_text
    )
    assert "your track: upload.flac (waveform, kept in steps of 0.2 s)" in whole_text
    assert "reference: A & <B> (waveform, kept in steps of 0.2 s)" in whole_text
    assert "share of equal bits of Chromaprint's words" in whole_text
    assert "probability that the match is real: 99.8 %" in whole_text
    assert {"time in your track", "time in the reference", "0:10", "0:20"} <= set(said)


def test_a_drawing_has_a_title_and_a_description_for_who_hears_it(picture: MatchPicture) -> None:
    root = ET.fromstring(draw(picture, "svg"))

    title, description = root[0], root[1]
    assert (title.tag, description.tag) == (f"{SVG}title", f"{SVG}desc")
    assert root.get("role") == "img"
    assert set(root.get("aria-labelledby", "").split()) == {title.get("id"), description.get("id")}
    assert title.text == (
        "From 0:05 to 0:15 your track is the recording 'A & <B>' from 0:12 to 0:22."
    )
    assert "line with a mean of" in (description.text or "")


def test_a_picture_is_dark_on_white_and_of_its_size(picture: MatchPicture) -> None:
    image = pixels(draw(picture, "png"))

    assert image.shape[:2] == (round(SIZE[1] * DOTS), round(SIZE[0] * DOTS))
    assert (image[0] == 1).all() and (image[:, 0] == 1).all()
    assert image.min() < 0.15
    assert (image.min(axis=2) > 0.9).mean() > 0.5


def test_a_side_is_drawn_as_a_waveform_where_one_is_known_and_it_is_said_where_none_is(
    picture: MatchPicture,
) -> None:
    silent = replace(picture, samples=None, sample_rate=None)
    older = without_waveforms(picture)
    bare = without_waveforms(silent)
    empty = Waveform(np.empty((0, 2), np.int8))
    hollow = replace(picture, reference=replace(picture.reference, waveform=empty))
    analysed_before = replace(picture, track=replace(picture.track, waveform=None))

    kept, peaks = (
        "(waveform, kept in steps of 0.2 s)",
        "(no waveform was kept; spectral peaks, low to high)",
    )
    for drawn, own, theirs in (
        (picture, kept, kept),
        (analysed_before, "(waveform)", kept),
        (silent, kept, kept),
        (older, "(waveform)", peaks),
        (hollow, "(waveform)", peaks),
        (bare, peaks, peaks),
    ):
        said = texts(draw(drawn, "svg"))
        assert f"your track: upload.flac {own}" in said
        assert f"reference: A & <B> {theirs}" in said


def test_a_loud_part_of_a_side_is_high_in_its_waveform(picture: MatchPicture) -> None:
    rising = np.concatenate([song(2, 10) * 0.02, song(2, 10)])[None]
    kept = whole(rising)
    heard = without_waveforms(replace(picture, samples=rising))
    own = replace(picture, samples=None, sample_rate=None, track=kept)
    segment = Segment(5, 15, 2, 12, 0.998)
    theirs = replace(picture, reference=kept, segments=(segment,))

    for drawn, where in ((heard, blue), (own, blue), (theirs, grey)):
        before, after = heights(where(pixels(draw(drawn, "png"))))
        assert after > 4 * before


def test_equal_sounds_look_equal_on_both_sides(picture: MatchPicture) -> None:
    clicks = np.zeros((1, 30 * RATE), np.float32)
    clicks[:, :: RATE // 4] = 0.8
    sound = song(1, 30)[None] * np.float32(0.1) + clicks
    same = replace(picture, track=whole(sound), reference=whole(sound), samples=sound)

    image = pixels(draw(same, "png"))

    assert heights(blue(image)) == pytest.approx(heights(grey(image)), rel=0.1)


def test_samples_that_end_before_their_fingerprint_give_way_to_the_kept_waveform(
    picture: MatchPicture,
) -> None:
    cut = replace(
        picture,
        samples=song(2, 1)[None],
        segments=(Segment(12, 18, 19, 25, 0.998),),
        reference=replace(picture.reference, waveform=None),
    )

    assert blue(pixels(draw(cut, "png"))).any()


def test_the_band_between_two_places_ends_above_the_title_below_it(picture: MatchPicture) -> None:
    image = pixels(draw(picture, "png"))

    orange = (image[..., 0] > image[..., 2] + 0.05) & (image[..., 0] > 0.8)
    shaded = np.flatnonzero(orange[: len(image) * 40 // 100].any(axis=1))
    assert np.diff(shaded).max() > 12 / 72 * DOTS


def test_the_last_word_of_a_title_does_not_stand_alone(picture: MatchPicture) -> None:
    name = "n" * 6
    title = f"From 0:05 to 0:15 your track is the recording '{name}' from 0:12 to 0:22, 3 % faster and louder."
    assert textwrap.wrap(title, TITLE_WIDTH)[-1] == "louder."

    said = texts(draw(replace(picture, sentence=title[:-1]), "svg"))

    assert "and louder." in said


def test_a_quiet_reference_is_as_high_in_its_strip_as_a_loud_one(picture: MatchPicture) -> None:
    def strip(gain: float) -> float:
        quiet = replace(picture, reference=whole(song(1, 30)[None] * np.float32(gain)))
        return sum(heights(grey(pixels(draw(quiet, "png")))))

    assert strip(0.05) == pytest.approx(strip(0.8), rel=0.06)


def test_every_place_of_a_match_is_marked(picture: MatchPicture) -> None:
    def marked(segments: tuple[Segment, ...]) -> int:
        image = pixels(draw(replace(picture, segments=segments), "png"))
        orange = (image[..., 0] > image[..., 2] + 0.05) & (image[..., 0] > 0.8)
        return int(orange[: len(image) * 40 // 100].sum())

    (first,) = picture.segments
    second = Segment(16, 19, 25, 28, 0.9)
    assert marked((first, second)) > 1.15 * marked((first,))


def test_the_same_match_is_the_same_picture(picture: MatchPicture) -> None:
    for form in ("png", "svg"):
        assert draw(picture, form) == draw(picture, form)


@pytest.mark.parametrize(
    "name",
    ["$x^2$ $ \\frac{", "\x00\x01\x1f\x7f", "<script>alert(1)</script>", "音楽 🎵", "n" * 5000],
)
def test_any_name_can_be_drawn_and_none_breaks_out_of_the_drawing(
    picture: MatchPicture, name: str
) -> None:
    named = replace(
        picture,
        track_name=name,
        reference_name=name,
        sentence=f"from 0:05 to 0:15 your track is the recording '{name}' from 0:12 to 0:22",
    )

    root = ET.fromstring(draw(named, "svg"))

    assert root.find(f".//{SVG}script") is None
    assert draw(named, "png").startswith(b"\x89PNG")


def test_the_beginning_of_a_long_name_without_spaces_is_shown(picture: MatchPicture) -> None:
    named = replace(picture, reference_name="my_final_mix_" * 10)

    assert any("reference: my_final_mix_my_final" in each for each in texts(draw(named, "svg")))


def test_a_bent_copy_and_another_performance_name_by_what_they_are_compared() -> None:
    reference = song(4, 40, CD)[None]
    piece = np.ascontiguousarray(reference[:, 5 * CD : 30 * CD])
    bent = shifted(piece, CD, 1.0, 1.1)
    end = bent.shape[1] / CD
    segment = Segment(0, end, 5, 30, 0.99, pitch_semitones=1.0, tempo_ratio=1.1)
    picture = MatchPicture(
        kind="recording",
        sentence="from 0:00 to 0:23 your track is the recording 'X' from 0:05 to 0:30",
        score=0.99,
        segments=(segment,),
        track=whole(bent, CD),
        reference=whole(reference, CD),
        track_name="t",
        reference_name="r",
    )

    assert "cosine of the vectors" in texts(draw(picture, "svg"))
    played = replace(picture, kind="composition")
    assert {"cosine of the vectors", "cosine of the pitch classes"} & set(
        texts(draw(played, "svg"))
    )


def test_a_fingerprint_of_words_alone_can_be_drawn(picture: MatchPicture) -> None:
    unheard = without_waveforms(replace(picture, samples=None, sample_rate=None))
    bare = replace(
        unheard,
        track=replace(unheard.track, embedding=None, constellation=None),
        reference=replace(unheard.reference, embedding=None, constellation=None),
    )

    said = texts(draw(bare, "svg"))

    assert any("reference: A & <B> (no waveform was kept; bits of" in each for each in said)
