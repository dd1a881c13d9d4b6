"""Music in the four formats that carry a manifest, and somebody to sign it."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from tests.scanner.audio.recordings import encode, stereo
from tests.watermark.provenance.signing import Signer
from watermark.provenance import SOFT_BINDING_ALGORITHM as ALGORITHM
from watermark.provenance import Claim, Making, SoftBinding, SourceType, TrainingUse

PAYLOAD = "0123456789abcdef0011223344556677"


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer("Test Records", datetime.now(UTC))


@pytest.fixture(scope="session")
def stranger() -> Signer:
    return Signer("Somebody Else", datetime.now(UTC))


@pytest.fixture(params=["wav", "mp3", "flac", "m4a"])
def format_(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Path]:
    """Music in a format, made once."""
    folder = tmp_path_factory.mktemp("recordings")
    samples = cache(lambda seed: stereo(3.0, seed=seed))
    return cache(lambda format_, seed: encode(folder / f"{seed}.{format_}", samples(seed), format_))


@pytest.fixture
def recording(tmp_path: Path, encoded: Callable[[str, int], Path]) -> Callable[..., Path]:
    """Music in a format, as a file of the test's own."""

    def make(format_: str, name: str = "track", seed: int = 1) -> Path:
        return Path(shutil.copy(encoded(format_, seed), tmp_path / f"{name}.{format_}"))

    return make


@pytest.fixture
def claim() -> Claim:
    return Claim(
        title="Take 7",
        generator="Clearance",
        generator_version="0.1.0",
        making=Making(
            source_type=SourceType.MODEL,
            model="songmaker",
            model_version="2.1",
            made_at=datetime(2026, 11, 26, 4, 0, tzinfo=UTC) + timedelta(seconds=30),
            prompt_sha256="ab" * 32,
            take_id="take-7",
            parameters=(("seed", "7"),),
        ),
        soft_bindings=(SoftBinding(ALGORITHM, PAYLOAD),),
        mining=TrainingUse.NOT_ALLOWED,
    )
