"""Areas against a brute-force model: sets of codes in a world of five and the rest."""

from hypothesis import given
from hypothesis import strategies as st

from policy.territories import EVERYWHERE, NOWHERE, REST, Area

WORLD = frozenset({"AT", "DE", "FR", "NO", "US", REST})
AREAS = st.builds(Area, st.frozensets(st.sampled_from(sorted(WORLD - {REST}))), st.booleans())


def extent(area: Area) -> frozenset[str]:
    return frozenset(code for code in WORLD if code in area)


@given(AREAS, AREAS)
def test_areas_combine_as_sets_do(a: Area, b: Area) -> None:
    assert extent(a & b) == extent(a) & extent(b)
    assert extent(a | b) == extent(a) | extent(b)
    assert extent(a - b) == extent(a) - extent(b)
    assert extent(~a) == WORLD - extent(a)


@given(AREAS)
def test_area_is_nowhere_only_if_it_holds_no_territory(area: Area) -> None:
    assert bool(area) == bool(extent(area))


@given(AREAS.filter(bool))
def test_area_can_be_read_back_from_its_lists(area: Area) -> None:
    assert Area.of(area.territories) - Area(frozenset(area.excepted)) == area


def test_area_is_written_as_a_person_would() -> None:
    assert str(Area.of(["FR", "DE"])) == "DE, FR"
    assert str(EVERYWHERE - Area.of(["DE"])) == "everywhere except DE"
    assert (str(Area.of([])), str(NOWHERE)) == ("everywhere", "nowhere")
