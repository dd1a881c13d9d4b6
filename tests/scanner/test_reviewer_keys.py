"""Keys of a reviewer's own."""

import pytest

from scanner import reviewer_care, reviewer_keys
from scanner.reviewer_keys import DEFAULTS, BadKeysError
from tests import casework


def test_no_two_defaults_are_alike() -> None:
    assert len(set(DEFAULTS.values())) == len(DEFAULTS)


def test_keys_are_kept_for_one_person_and_set_back(service, caller) -> None:
    ann, ben = (casework.person(service, caller, name) for name in ("ann", "ben"))
    kept = reviewer_keys.ask(service, ann, {"play": "p", "take": " Space "})
    assert (kept["play"], kept["take"], kept["loop"]) == ("p", " ", "l")
    assert _own(service, ann) == {"play": "p", "take": " "}
    assert _own(service, ben) == {}
    reviewer_keys.reset(service, ann)
    assert _own(service, ann) == {}


@pytest.mark.parametrize(
    ("wanted", "wrong"),
    [
        ({"play": "x"}, {"play": "conflict", "ab": "conflict"}),
        ({"play": ""}, {"play": "unknown"}),
        ({"play": "Escape"}, {"play": "unknown"}),
        ({"ab": "\n"}, {"ab": "conflict", "play": "conflict"}),
        ({"take": "enter"}, {"take": "conflict", "commit": "conflict"}),
    ],
)
def test_keys_that_cannot_be_are_told_and_none_is_kept(service, caller, wanted, wrong) -> None:
    ann = casework.person(service, caller, "ann")
    with pytest.raises(BadKeysError) as refused:
        reviewer_keys.ask(service, ann, wanted)
    assert refused.value.wrong == wrong
    assert _own(service, ann) == {}


def _own(service, who) -> dict[str, str]:
    with service.database.reading() as session:
        return reviewer_care.wishes(session, str(who.user_id), service.now()).keys
