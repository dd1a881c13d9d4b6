from collections.abc import Iterator

import pytest

from scanner.audio import Decoder


@pytest.fixture(scope="session")
def decoder() -> Iterator[Decoder]:
    with Decoder() as decoder:
        yield decoder
