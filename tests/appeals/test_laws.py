"""Ids of rules of law are told as people know them, in four languages."""

import pytest

import policy
from appeals import laws
from appeals.machines import MACHINES


@pytest.mark.parametrize(
    ("rule", "language", "told"),
    [
        ("DSA-20", "en", "Digital Services Act, Article 20"),
        ("DSA-20", "fr", "Règlement sur les services numériques, article 20"),
        ("DSM-17-9", "de", "Richtlinie über das Urheberrecht im digitalen Binnenmarkt, Artikel 17 Absatz 9"),
        ("DSA-24/15", "es", "Reglamento de Servicios Digitales, artículos 24 y 15"),
        ("DMCA-CN", "es", "Derecho de autor de los Estados Unidos (DMCA), 17 U.S.C. § 512(g)(3)"),
        ("house rule 7", "de", "house rule 7"),
        ("XYZ-7", "de", "XYZ-7"),
    ],
)  # fmt: skip
def test_a_rule_is_cited_by_its_act_and_article(rule: str, language: str, told: str) -> None:
    assert laws.cited(rule, language) == told
    assert (laws.source(rule) is None) == (told == rule)


@pytest.mark.parametrize("language", ["en", "de", "fr", "es"])
def test_whatever_the_default_rules_and_the_procedures_cite_has_words_and_a_source(
    language: str,
) -> None:
    rules = {each for rule in policy.default_pack().rules for each in rule.legal_basis}
    rules |= {
        each for machine in MACHINES.values() for move in machine.moves for each in move.legal_basis
    }
    assert len(rules) > 15
    for rule in rules:
        assert laws.cited(rule, language) != rule
        assert str(laws.source(rule)).startswith("https://")
