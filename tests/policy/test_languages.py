"""A decision says its reasons in every language that the pack speaks, with its own values in them."""

import re

import pytest

from policy import Facts, decide, default_pack, lint_pack, load_pack
from policy.core_texts import LANGUAGES, core_texts
from policy.errors import PackError

OTHERS = tuple(language for language in LANGUAGES if language != "en")
PACK = """
name: spoken
thresholds: {seconds: 30}
rules:
  - id: long
    title: Long
    when: duration > thresholds.seconds
    outcome: review
    statement: "It lasts {duration:seconds} ({where})."
    statements: {de: "Er dauert {duration:seconds} ({where})."}
  - id: named
    title: Named
    when: explicit
    outcome: review
    statement: "It is declared explicit."
tests:
  - {name: long, facts: {duration: 60.0}, expect: {decision: review}}
  - {name: named, facts: {explicit: true}, expect: {decision: review}}
"""


def test_every_rule_of_the_default_pack_speaks_four_languages_with_the_same_values() -> None:
    for rule in default_pack().rules:
        assert set(rule.statements) == set(rule.titles) == set(OTHERS), rule.id
        assert len({rule.title, *rule.titles.values()}) >= 3, rule.id
        for language, statement in rule.statements.items():
            assert sorted(place for place, _, _ in statement.places) == sorted(
                place for place, _, _ in rule.statement.places
            ), (rule.id, language)
            assert statement.text != rule.statement.text
            assert not re.search(r"\bperson will look\b|\btrack\b", statement.text)


def test_the_packages_own_words_are_there_in_four_languages() -> None:
    for name, texts in core_texts().items():
        assert set(texts) == set(LANGUAGES), name
        assert len({"{named}" in text for text in texts.values()}) == 1, name


def test_a_reason_is_told_with_numbers_and_places_as_the_language_has_them() -> None:
    match = {
        "reference_id": "r1",
        "kind": "recording",
        "title": "Song",
        "score": 0.95,
        "coverage_query": 0.975,
        "matched_seconds": 61.5,
        "territories": [],
    }
    facts = {"detectors": {"fingerprint": "ok"}, "matches": [match]}
    (reason,) = decide(default_pack(), Facts.model_validate(facts)).reasons
    assert reason.text.startswith("61.5 s of the recording 'Song' were found, 97.5 % of the track.")
    assert reason.text.endswith("not blocked automatically. A person will look at it.")
    assert reason.texts["de"] == (
        "61,5 s der Aufnahme „Song“ wurden gefunden, 97,5 % des Titels. Der Rechteinhaber erlaubt "
        "diese Nutzung nicht (überall). Der Treffer ist nicht zweifelsfrei, deshalb wird nicht "
        "automatisch gesperrt. Ein Mensch wird das prüfen."
    )
    assert reason.to_json()["texts"] == dict(reason.texts)
    assert reason.to_json()["titles"]["es"] == "Grabación protegida"


@pytest.mark.parametrize("language", OTHERS)
def test_what_could_not_be_checked_is_told_too(language: str) -> None:
    facts = Facts.model_validate({"detectors": {"fingerprint": "failed"}})
    (reason,) = decide(default_pack(), facts).reasons
    assert "(fingerprint)" in reason.texts[language]
    assert reason.texts[language] != reason.text
    assert reason.titles[language] != reason.title


def test_a_rule_that_lacks_a_language_of_the_others_is_found() -> None:
    (finding,) = lint_pack(load_pack(PACK))
    assert (finding.kind, finding.rule) == ("untranslated", "named")
    assert "speak de" in finding.problem
    both = PACK.replace(
        'explicit."\n', 'explicit."\n    statements: {de: Er gilt als explizit.}\n', 1
    )
    assert lint_pack(load_pack(both)) == []
    blank = both.replace("de: Er gilt als explizit.", "de: ' '")
    assert [each.kind for each in lint_pack(load_pack(blank))] == ["untranslated"]


def test_a_rule_without_the_others_title_in_a_language_is_found() -> None:
    plain = PACK.replace('    statements: {de: "Er dauert {duration:seconds} ({where})."}\n', "")
    titled = plain.replace("    title: Long\n", "    title: Long\n    titles: {fr: Long titre}\n")
    (finding,) = lint_pack(load_pack(titled))
    assert (finding.kind, finding.rule) == ("untranslated", "named")
    assert "title in fr" in finding.problem
    both = titled.replace("    title: Named\n", "    title: Named\n    titles: {fr: Nommé}\n")
    assert lint_pack(load_pack(both)) == []


def test_a_pack_in_english_alone_has_nothing_to_mend_and_says_english() -> None:
    plain = PACK.replace('    statements: {de: "Er dauert {duration:seconds} ({where})."}\n', "")
    pack = load_pack(plain)
    assert lint_pack(pack) == []
    (reason,) = decide(pack, Facts.model_validate({"duration": 60.0})).reasons
    assert (reason.text, dict(reason.texts)) == ("It lasts 60.0 s (everywhere).", {})


def test_a_translation_that_names_no_fact_is_refused_with_its_line() -> None:
    with pytest.raises(PackError, match="names nothing") as refused:
        load_pack(PACK.replace("Er dauert {duration:seconds}", "Er dauert {lasts}"))
    assert refused.value.rule == "long"
