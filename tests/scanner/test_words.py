"""What comes with a track in words is screened, and shown without the words."""

from pathlib import Path

import pytest

import policy
from scanner.analysis import Evidence
from scanner.audio import Decoder
from scanner.words import facts, look_at, without_times
from tests.scanner.audio.recordings import encode
from tests.scanner.test_pipeline import decided
from tests.songs import song, write

LYRICS = "[00:01.00]Walk with me\n[00:04.50]this bullshit never ends"


def looked_at(**declared: object) -> Evidence:
    evidence = Evidence(audio={"tags": {"title": "Kill the lights"}})
    look_at(evidence, declared)
    return evidence


def test_declared_lyrics_and_a_title_are_looked_at_each_by_itself() -> None:
    evidence = looked_at(lyrics=LYRICS)

    assert evidence.words is not None
    (found,) = evidence.words["findings"]
    ((start, end),) = found["spans"]
    assert set(evidence.words["sources"]) == {"lyrics", "title"}
    assert (found["source"], found["category"], found["count"]) == ("lyrics", "profanity", 1)
    assert LYRICS[start:end] == "bullshit"
    assert evidence.detectors["lyrics"] == "ok"
    assert "bullshit" not in str(evidence.words)


def test_facts_tell_categories_and_that_nothing_was_heard() -> None:
    told = facts(looked_at(lyrics=LYRICS))

    (fact,) = told["words"]
    assert (fact.category, fact.source, fact.strong) == ("profanity", "lyrics", True)
    assert told["lyrics_heard"] is False
    assert set(told["words_from"]) == {"lyrics", "title"}


def test_a_title_without_lyrics_leaves_a_track_that_says_nobody_heard_what_is_sung() -> None:
    told = facts(looked_at())

    decision = policy.decide(
        policy.default_pack(), policy.Facts(detectors={"fingerprint": "ok", "lyrics": "ok"}, **told)
    )

    assert (told["words"], told["words_from"]) == ((), ("title",))
    assert [reason.rule for reason in decision.reasons] == ["lyrics-not-heard"]
    assert decision.decision == "clear"


def test_a_track_that_came_without_words_says_that_nobody_heard_what_is_sung() -> None:
    evidence = Evidence()
    look_at(evidence, {})
    told = facts(evidence)

    decision = policy.decide(
        policy.default_pack(), policy.Facts(detectors={"fingerprint": "ok"}, **told)
    )

    assert evidence.detectors["lyrics"] == "not_run"
    assert told == {"lyrics_heard": False}
    assert [reason.rule for reason in decision.reasons] == ["lyrics-not-heard"]
    assert decision.decision == "clear"


def test_lyrics_that_were_cut_off_are_unknown() -> None:
    evidence = Evidence(lyrics_cut=True)
    look_at(evidence, {"lyrics": "la la"})

    assert evidence.detectors["lyrics"] == "failed"
    assert facts(evidence)["words"].unknown
    assert evidence.words["warnings"] == ["lyrics-not-heard"]


def test_times_are_blanked_in_place() -> None:
    lrc = "[ar:Somebody]\n[00:12.00]la [1:02]<00:13.10>la [sic]"

    assert without_times(lrc).split() == ["la", "la", "[sic]"]
    assert len(without_times(lrc)) == len(lrc)


@pytest.mark.parametrize(
    ("name", "tag"),
    [("mp3", "lyrics"), ("flac", "LYRICS"), ("ogg-flac", "UNSYNCEDLYRICS"), ("m4a", "lyrics")],
)
def test_embedded_lyrics_are_read(name: str, tag: str, tmp_path: Path) -> None:
    path = encode(tmp_path / "song", song(3, 2)[None], name, tags={tag: LYRICS})

    with Decoder() as decoder:
        decoded = decoder.decode(path)

    assert "bullshit" in decoded.lyrics
    assert "bullshit" not in str(decoded.tags)
    assert not decoded.lyrics_cut


def test_an_id3_uslt_frame_is_read(tmp_path: Path) -> None:
    plain = encode(tmp_path / "song", song(3, 2)[None], "mp3").read_bytes()
    body = b"\x03eng\x00" + LYRICS.encode()
    frame = b"USLT" + len(body).to_bytes(4, "big") + b"\x00\x00" + body
    size = bytes((len(frame) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    path = tmp_path / "tagged.mp3"
    path.write_bytes(b"ID3\x04\x00\x00" + size + frame + plain)

    with Decoder() as decoder:
        assert "bullshit" in decoder.decode(path).lyrics


def test_an_id3_sylt_frame_is_read(tmp_path: Path) -> None:
    plain = encode(tmp_path / "song", song(3, 2)[None], "mp3").read_bytes()
    words = b"".join(part.encode() + b"\x00" + bytes(4) for part in ("What ", "bull", "shit"))
    body = b"\x03eng\x02\x01\x00" + words
    frame = b"SYLT" + len(body).to_bytes(4, "big") + b"\x00\x00" + body
    size = bytes((len(frame) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    path = tmp_path / "tagged.mp3"
    path.write_bytes(b"ID3\x04\x00\x00" + size + frame + plain)

    with Decoder() as decoder:
        assert decoder.decode(path).lyrics == "What bullshit"


def test_too_long_lyrics_are_told_as_cut(tmp_path: Path) -> None:
    path = encode(tmp_path / "song", song(3, 2)[None], "flac", tags={"LYRICS": "la " * 20_000})

    with Decoder() as decoder:
        decoded = decoder.decode(path)

    assert (decoded.lyrics, decoded.lyrics_cut) == ("", True)


def test_an_analysis_shows_where_words_are_and_not_the_words(service, caller, tmp_path) -> None:
    path = write(tmp_path / "one.wav", song(2, 8))

    result = decided(service, caller, path, lyrics=LYRICS)

    assert result["detectors"]["lyrics"] == "ok"
    start = LYRICS.index("bullshit")
    assert result["words"]["findings"][0]["spans"] == [[start, start + len("bullshit")]]
    assert result["words"]["warnings"] == ["lyrics-not-heard"]
    assert "bullshit" not in str(result)
