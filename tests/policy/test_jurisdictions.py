"""The table of ages of digital consent is whole, within the law's bounds, and sourced."""

import pytest

from policy.jurisdictions import (
    EEA,
    ELSEWHERE,
    JurisdictionError,
    default_jurisdictions,
    load_jurisdictions,
)

HEADING = "country,consent_age,law,statute,source,dated,certainty\n"


def test_every_state_of_the_eea_has_a_row_within_the_bounds_of_the_regulation() -> None:
    rows = default_jurisdictions().rows

    assert set(rows) >= EEA
    for country in EEA:
        assert 13 <= rows[country].consent_age <= 16, country  # Art. 8(1)
        assert rows[country].law == "GDPR-8"


@pytest.mark.parametrize(
    ("country", "age"),
    [
        ("US", 13),
        ("GB", 13),
        ("BE", 13),
        ("AT", 14),
        ("IT", 14),
        ("FR", 15),
        ("DE", 16),
        ("IE", 16),
    ],
)
def test_the_ages_of_the_statutes_are_those_of_the_table(country: str, age: int) -> None:
    assert default_jurisdictions().of(country).consent_age == age


def test_every_row_says_where_it_is_from_when_and_how_surely() -> None:
    for row in default_jurisdictions().rows.values():
        assert row.statute and row.source and row.dated, row.country
        assert row.certainty == "memory" or row.source != "statute", row.country


def test_a_country_without_a_row_has_the_age_of_the_regulation() -> None:
    assert default_jurisdictions().of("ZZ").country == ELSEWHERE
    assert default_jurisdictions().of("ZZ").consent_age == 16


def test_saying_no_country_never_gives_a_lower_age_than_saying_one() -> None:
    table = default_jurisdictions()

    assert all(table.of(None).consent_age >= row.consent_age for row in table.rows.values())


def test_a_deployers_rows_replace_those_of_the_package_and_leave_the_others() -> None:
    table = load_jurisdictions(f'{HEADING}NO,15,GDPR-8,"Act, s. 5",our lawyer,2026-11-01,read\n')

    assert table.of("NO").consent_age == 15
    assert table.of("SE") == default_jurisdictions().of("SE")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("NO,12,GDPR-8,s,x,2026-11-01,read", "consent_age"),
        ("NO,19,GDPR-8,s,x,2026-11-01,read", "consent_age"),
        ("Norway,15,GDPR-8,s,x,2026-11-01,read", "country"),
        ("NO,15,GDPR-8,s,,2026-11-01,read", "source"),
        ("NO,15,GDPR-8,s,x,yesterday,read", "dated"),
        ("NO,15,GDPR-8,s,x,2026-11-01,read\nNO,14,GDPR-8,s,x,2026-11-01,read", "twice"),
        ("NO,15,GDPR-8,s, t,x,2026-11-01,read", "columns"),
        ("", "no rows"),
    ],
)
def test_a_wrong_row_is_named(row: str, told: str) -> None:
    with pytest.raises(JurisdictionError, match=told):
        load_jurisdictions(HEADING + row)
