"""Statements of reasons over HTTP, in the language that is asked for."""

from scanner import inline, rulings
from scanner.callers import SCOPES, Caller
from scanner.journal import Actor
from scanner.rulings import Ruling
from scanner.tracks import locked
from tests import casework


def blocked(api, platform) -> str:
    caller = Caller(platform.tenant.id, Actor("p", "platform"), frozenset(SCOPES))
    track = casework.decided_track(api.service, caller)
    with api.service.database.transaction() as session:
        found = locked(session, platform.tenant.id, track.id)
        ruling = Ruling("block", "human.copy", "It copies a song.")
        rulings.rule(api.service, session, found, ruling, Actor("rita", "reviewer"))
    inline.drive(api.service, track.id)
    return track.id


def test_a_platform_reads_a_tracks_statements_as_fields_and_in_words(api) -> None:
    platform = api.platform()
    track = blocked(api, platform)

    (item,) = platform.http.get(f"/v1/tracks/{track}/statements?language=fr").json()["items"]

    assert item["restricts"] == ["visibility"]
    assert (item["territories"], item["except"]) == (["*"], [])
    assert item["reasons"][0]["text"] == "It copies a song."
    assert item["text"].startswith("Votre titre")
    one = platform.http.get(f"/v1/statements/{item['id']}").json()
    assert one["text"].startswith("Your track is not available.")


def test_another_tenants_statement_is_unknown(api) -> None:
    one, two = api.platform("one"), api.platform("two")
    track = blocked(api, one)
    (item,) = one.http.get(f"/v1/tracks/{track}/statements").json()["items"]

    for path in (f"tracks/{track}/statements", f"statements/{item['id']}", "statements/x"):
        assert two.http.get(f"/v1/{path}").status_code == 404


def test_a_language_that_there_is_none_of_is_said(api) -> None:
    platform = api.platform()

    answer = platform.http.get(f"/v1/tracks/{blocked(api, platform)}/statements?language=tlh")

    assert answer.status_code == 422
    assert "'es'" in answer.text
