"""What becomes of a generated submission that may not be marked, or whose manifest does not fit."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from scanner import licensees, problems, provenance, watermark_keys
from scanner.callers import Caller
from scanner.keys import OPERATOR
from scanner.service import Service
from tests.scanner.audio.recordings import encode, stereo
from tests.scanner.test_marking import MADE, driven, submit
from tests.watermark.provenance.signing import Signer, with_flipped_audio
from watermark.provenance import Claim, Making, ManifestState, SourceType


def test_without_a_key_to_mark_with_a_take_is_held_and_says_so(
    service: Service, caller: Caller, tmp_path: Path
) -> None:
    path = encode(tmp_path / "take.wav", stereo(8.0), "wav")
    track = driven(service, caller, submit(service, caller, path))
    assert (track["state"], track["problem"]["type"]) == ("held", "no-key-to-mark-with")


def test_a_right_revoked_after_the_submission_holds_the_take(
    service: Service, caller: Caller, tmp_path: Path
) -> None:
    watermark_keys.rotate(service, OPERATOR)
    row = licensees.add(service, caller, "Label")
    path = encode(tmp_path / "take.wav", stereo(8.0), "wav")
    track_id = submit(service, caller, path, generated=MADE | {"licensee": "Label"})
    licensees.revoke(service, caller, row.id, "strips marks")
    track = driven(service, caller, track_id)
    assert (track["state"], track["problem"]["type"]) == ("held", "mark-right-revoked")


def test_the_manifest_of_a_submitted_take_is_verified_and_a_broken_one_is_looked_at(
    service: Service, caller: Caller, tmp_path: Path
) -> None:
    watermark_keys.rotate(service, OPERATOR)
    plain = encode(tmp_path / "plain.wav", stereo(8.0), "wav")
    making = Making(SourceType.MODEL, "songmaker", "2", datetime.now(UTC))
    signed = Signer("S", datetime.now(UTC)).sign(plain, Claim("a", "Elsewhere", "1", making=making))
    broken = with_flipped_audio(signed, plain)
    track = driven(service, caller, submit(service, caller, broken))
    assert track["provenance"]["state"] == "invalid"
    assert "provenance-broken" in str(track["reasons"])
    assert ManifestState.INVALID not in provenance.FITTING


@pytest.mark.parametrize("why", ["the key file is missing"])
def test_a_key_that_can_not_be_read_is_a_problem_that_may_pass(why: str) -> None:
    told = problems.document(watermark_keys.WatermarkKeyError(why))
    assert (told["type"], told["status"]) == ("/problems/unavailable", 503)
