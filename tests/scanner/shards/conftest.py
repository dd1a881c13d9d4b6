"""A service that shards of its index believe, and two such shards."""

from collections.abc import Callable, Iterator

import pytest

from scanner.service import Service
from tests.sharding import give_secret, shards_of


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    service = make_service()
    give_secret(service)
    return service


@pytest.fixture
def two(service: Service) -> Iterator[tuple[str, ...]]:
    with shards_of(service, 2) as addresses:
        yield addresses
