"""What is typed wrongly is told in the reader's language, on every page that takes something."""

import html
import re
from typing import Final

import pytest

from scanner import catalogue_imports
from tests.console.conftest import World, csrf_in
from tests.console.test_roles import GUARDED

_TOLD: Final = re.compile(
    r'<(?:section|p)[^>]*class="(?:problem|wrong|note bad)"[^>]*>(.*?)</(?:section|p)>', re.DOTALL
)
_KEPT: Final = (
    "/logout",
    "/account/sessions/others",
    "/admin/users/{user_id}",
    "/care/rest",
    "/policies/upload",
)
"""What ends the session by which the next is asked, needs nothing said, or quotes a file of rules."""


def told(text: str) -> set[str]:
    """What a page says is wrong, sentence by sentence, without names of problems and of fields."""
    found = set[str]()
    for part in _TOLD.findall(text):
        for each in re.split(r"</?p[^>]*>|</?h\d[^>]*>", re.sub(r"<small>.*?</small>", "", part)):
            plain = html.unescape(re.sub(r"<[^>]+>", "", each)).strip()
            if plain:
                found.add(plain.rpartition(": ")[2])
    return found


def sent(world: World, who: str | None, address: str, language: str, fields: dict[str, str]) -> str:
    """What a page answers to a form, and that it does not take it."""
    filled = {name: value.format(**world.ids) for name, value in fields.items()}
    with world.http(who, Accept_Language=language) as client:
        csrf = csrf_in(client.get("/check").text)
        answer = client.post(address.format(**world.ids), data={"csrf": csrf, **filled})
    assert answer.status_code >= 400, answer.text
    return html.unescape(answer.text)


@pytest.mark.parametrize(
    ("role", "address", "fields", "said"),
    [
        (None, "/public/notices", {"form": "dmca", "email": "x", "send": "yes"}, "Das ist keine E-Mail-Adresse."),
        ("rights_holder", "/rights/catalogue/{reference_id}", {"title": "A", "policy": "block", "territories": "XX"},
         "'XX' ist kein Ländercode nach ISO 3166-1 alpha-2, etwa DE oder US."),
        ("rights_holder", "/rights/catalogue/{reference_id}", {"title": "A", "policy": "sell"}, "Eines von: "),
        ("rights_holder", "/rights/catalogue/{reference_id}/exclusions", {"start": "soon", "end": "9"},
         "Schreiben Sie Sekunden, etwa 75.5, oder Minuten und Sekunden, etwa 1:15.5."),
        ("rights_holder", "/rights/catalogue/{reference_id}/shares", {"right": "recording", "percent": "200"},
         "Schreiben Sie eine Zahl über 0 und bis 100, mit höchstens vier Nachkommastellen."),
        ("rights_holder", "/rights/catalogue/{reference_id}/shares", {"right": "recording", "percent": "99", "from": "x"},
         "Schreiben Sie einen Tag als 2026-12-31."),
        ("rights_holder", "/rights/disputes/{dispute_id}/answer", {"answer": "shout"}, "Eines von: "),
        ("rights_holder", "/rights/presumed/{use_id}/complaint", {"reason": " "}, "Schreiben Sie etwas, in höchstens"),
        ("creator", "/my/tracks/{reference_id}/fix", {}, "Das gibt es nicht: Titel mit dieser Kennung"),
        ("creator", "/my/tracks/{track_id}/fix", {"do-0": "cut", "start-0": "x", "end-0": "y"},
         "Schreiben Sie Zeiten als Minuten und Sekunden, etwa 1:15."),
        ("creator", "/my/contest/dispute/{contest_id}", {"reason": ""}, "Das fehlt oder ist zu kurz."),
        ("musician", "/studio/takes", {"prompt": ""}, "Sagen Sie, was Sie hören möchten."),
        ("musician", "/studio/takes", {"prompt": "a waltz", "instruments": "kazoo"},
         "Das Instrument 'kazoo' gibt es hier nicht: Wählen Sie aus "),
        ("musician", "/studio/takes", {"prompt": "a waltz", "tempo": "fast"}, "Schreiben Sie eine Zahl."),
        ("musician", "/studio/takes", {"prompt": "a waltz", "tempo": "4000"}, "Tempo: Das darf höchstens "),
        ("reviewer", "/cases/{case_id}/verdict", {}, "Wählen Sie, wie entschieden werden soll."),
        ("reviewer", "/care", {"break_cases": "x", "break_minutes": "1"},
         "Geben Sie ganze Zahlen von Fällen und Minuten an; 0 heißt nie."),
        ("appeals_officer", "/appeals/{appeal_id}/decision", {"outcome": "", "reason": "So."},
         "Wählen Sie, wie entschieden werden soll."),
        ("policy_lead", "/policies/move", {"id": "{pack}", "move": "fly", "version": "1", "reason": "So."}, "Diesen Schritt gibt es nicht."),
        ("policy_lead", "/policies/strikes", {"text": "steps: 3", "reason": " "}, "Begründen Sie es, in höchstens"),
        ("admin", "/admin/keys", {"name": "none"}, "Nennen Sie mindestens eine Berechtigung aus: "),
        ("admin", "/admin/users", {"email": "x", "role": "reviewer"}, "Das ist keine E-Mail-Adresse."),
        ("admin", "/admin/webhooks", {"url": "ftp://x", "events": "*"}, "Nur https-Adressen werden"),
        ("admin", "/admin/holds", {"kind": "track", "object_id": "x", "basis": "y", "until": "soon"},
         "Das gibt es nicht: Titel mit dieser Kennung"),
        ("auditor", "/audit/people", {"pseudonym": "R-AAAA-AAAA"}, "Begründen Sie es, in höchstens"),
    ],
)  # fmt: skip
def test_what_is_typed_wrongly_is_told_in_german(
    world: World, role: str | None, address: str, fields: dict[str, str], said: str
) -> None:
    assert said in sent(world, role, address, "de", fields)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("fr", "Ce formulaire est trop ancien : rouvrez la page et recommencez."),
        ("es", "Este formulario es demasiado antiguo: abra la página de nuevo y repítalo."),
        ("en", "this form is too old: open the page again and repeat it"),
    ],
)
def test_a_page_of_an_error_has_the_readers_language(
    world: World, language: str, said: str
) -> None:
    assert said in sent(world, None, "/login", language, {"csrf": "another"})


@pytest.mark.parametrize("role", sorted({min(roles) for roles in GUARDED.values()}))
def test_no_empty_form_is_answered_in_english(world: World, role: str) -> None:
    """Each form of a role, with nothing in it: nothing that the German page says is in the English one."""
    mine = [
        path
        for (method, path), roles in GUARDED.items()
        if method == "POST" and role == min(roles) and path not in _KEPT
    ]
    answered = 0
    for path in mine:
        address = re.sub(r"\{(\w+)\}", lambda found: world.ids[found[1]], path)
        pages = []
        for language in ("de", "en"):
            with world.http(role, Accept_Language=language) as client:
                token = {"X-CSRF-Token": csrf_in(client.get("/check").text)}
                pages.append(client.post(address, headers=token))
        if all(each.status_code >= 400 for each in pages):
            answered += 1
            assert told(pages[0].text), path
            assert told(pages[0].text).isdisjoint(told(pages[1].text)), path
    assert answered >= min(1, len(mine))


def test_rows_of_a_catalogue_that_are_wrong_are_told_in_german(world: World) -> None:
    raw = "isrc;policy;territories\nUSRC17607839;sell;DE\nUSRC17607840;track;Utopia\nX;track;DE\n"
    with world.http("rights_holder", Accept_Language="de") as client:
        csrf = csrf_in(client.get("/check").text)
        answer = client.post(
            "/rights/imports",
            headers={"X-CSRF-Token": csrf},
            files={"file": ("list.csv", raw.encode(), "text/csv")},
        )
        while catalogue_imports.run_due(world.service):
            pass
        address = answer.headers.get("HX-Redirect") or answer.headers["location"]
        page = html.unescape(client.get(address).text)
        report = client.get(f"{address}/report.csv").text

    for each in (page, report):
        assert "'UTOPIA' ist kein Ländercode nach ISO 3166-1" in each or "'Utopia' ist kein" in each
        assert "Ein ISRC hat zwölf Zeichen, wie US-RC1-76-07839." in each
        assert "Schreiben Sie eines von: " in each


def test_a_file_that_is_no_catalogue_is_refused_in_german(world: World) -> None:
    with world.http("rights_holder", Accept_Language="de") as client:
        csrf = csrf_in(client.get("/check").text)
        answer = client.post(
            "/rights/imports",
            headers={"X-CSRF-Token": csrf},
            files={"file": ("list.csv", b"isrc;colour\nUSRC17607839;red\n", "text/csv")},
        )
        while catalogue_imports.run_due(world.service):
            pass
        address = answer.headers.get("HX-Redirect") or answer.headers["location"]
        page = html.unescape(client.get(address).text)

    assert "Zeile 1: Die Spalte 'colour' gibt es nicht. Es gibt: " in page
