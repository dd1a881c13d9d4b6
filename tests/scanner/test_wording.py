"""A text that remembers how it was made is the same text to all who don't ask."""

import json
import pickle

from pydantic import BaseModel

from scanner.errors import NotFoundError
from scanner.wording import Told

TOLD = Told("at most %(most)s of %(what)s, 100 % of them", most=3, what="songs")


class _Answer(BaseModel):
    detail: str


def test_it_reads_as_english_and_is_kept_and_sent_as_plain_text() -> None:
    plain = "at most 3 of songs, 100 % of them"

    assert plain == TOLD
    assert json.dumps({"detail": TOLD}) == json.dumps({"detail": plain})
    assert _Answer(detail=TOLD).model_dump_json() == _Answer(detail=plain).model_dump_json()


def test_an_error_gives_back_what_it_was_raised_with() -> None:
    told = str(NotFoundError("track", "of this id"))

    assert told == "no track of this id"
    assert isinstance(told, Told)
    assert told.values == {"what": "track", "key": "of this id"}


def test_it_goes_to_another_process_with_its_template() -> None:
    back = pickle.loads(pickle.dumps(TOLD))

    assert back == TOLD
    assert (back.template, back.values) == (TOLD.template, TOLD.values)
