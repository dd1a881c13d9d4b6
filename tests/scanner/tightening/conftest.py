"""A child's track that its holder earns from, and a parent's consent to that."""

import pytest

from scanner.journal import Event
from scanner.tables import Consent, Reference, Track
from tests import claiming
from tests.casework import settled
from tests.consenting import agreed, kids


@pytest.fixture
def earning(service, caller) -> Consent:
    """Consent that a child's tracks earn money; that they are published is agreed to as well."""
    agreed(service, caller, "publish")
    return agreed(service, caller, "monetise")


@pytest.fixture
def analysed(service, caller, earning, label) -> Event:
    """A child's track with a song that its holder earns from in the US."""
    song = claiming.reference(service, caller, label)
    with service.database.transaction() as session:
        session.get_one(Reference, song.id).territories = ["US"]
    return kids(service, caller, song, seconds=90)


@pytest.fixture
def track(service, analysed) -> Track:
    return settled(service, analysed.subject)
