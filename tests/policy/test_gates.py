"""Who may do what: told from the law, and held against every person that can be thought of."""

import re
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.ages import BANDS, LEVELS
from policy.core_texts import LANGUAGES
from policy.gate_texts import gate_texts
from policy.gates import ACTS, OUTCOMES, SCOPE_OF, Controls, Person, gate
from policy.jurisdictions import default_jurisdictions

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
US = default_jurisdictions().of("US")
CHILD = Person(US, "child", "substantial")
TEEN = Person(US, "teen", "substantial")
ADULT = Person(US, "adult", "high")


def outcome(act: str, person: Person, now: datetime = NOW) -> str:
    return gate(act, person, now).outcome


@pytest.mark.parametrize(
    ("act", "child", "teen", "adult"),
    [
        ("upload", "needs-consent", "allowed", "allowed"),
        ("generate", "needs-consent", "allowed", "allowed"),
        ("publish", "needs-consent", "allowed", "allowed"),
        ("hear-explicit", "refused", "needs-consent", "allowed"),
        ("monetise", "needs-consent", "needs-consent", "allowed"),
    ],
)
def test_what_each_band_may_do_before_a_parent_was_asked(act, child, teen, adult) -> None:
    assert [outcome(act, person) for person in (CHILD, TEEN, ADULT)] == [child, teen, adult]
    assert outcome(act, Person(US)) == child  # nobody knows the age


@pytest.mark.parametrize("act", ["upload", "generate", "publish", "monetise"])
def test_a_parents_consent_opens_what_it_names_and_nothing_else(act) -> None:
    consented = replace(CHILD, consents=frozenset({SCOPE_OF[act]}))

    assert outcome(act, consented) == "allowed"
    assert all(outcome(other, consented) == outcome(other, CHILD) for other in ACTS if other != act)


def test_no_consent_lets_a_child_hear_explicit_tracks() -> None:
    assert outcome("hear-explicit", replace(CHILD, consents=frozenset({"explicit"}))) == "refused"


@pytest.mark.parametrize(
    ("country", "law"), [("US", "COPPA"), ("DE", "GDPR-8"), ("GB", "UKGDPR-8")]
)
def test_a_child_is_told_the_age_and_the_law_of_their_country(country, law) -> None:
    jurisdiction = default_jurisdictions().of(country)

    (reason,) = gate("generate", Person(jurisdiction, "child", "high"), NOW).reasons

    assert reason.legal_basis == (law,)
    assert f"under {jurisdiction.consent_age} " in reason.text
    assert gate("generate", Person(jurisdiction, "child", "high"), NOW).needs_scope == "generate"


def test_who_only_says_to_be_an_adult_is_not_one_where_it_matters() -> None:
    claims = Person(US, "adult", "low")

    assert outcome("generate", claims) == "allowed"
    assert outcome("hear-explicit", claims) == "refused"
    (reason,) = gate("hear-explicit", claims, NOW).reasons
    assert "not known reliably enough" in reason.text


def test_a_daily_quota_ends_and_says_what_is_left() -> None:
    teen = replace(TEEN, controls=Controls(daily_generations=2))

    left = [gate("generate", replace(teen, generated_today=n), NOW) for n in (0, 1, 2, 3)]

    assert [each.quota_left for each in left] == [2, 1, 0, 0]
    assert [each.outcome for each in left] == ["allowed", "allowed", "over-quota", "over-quota"]


def test_a_parent_can_lower_the_bands_quota_and_not_raise_it() -> None:
    generous = replace(TEEN, controls=Controls(daily_generations=1000))

    assert gate("generate", generous, NOW).quota_left == gate("generate", TEEN, NOW).quota_left


@pytest.mark.parametrize(
    ("opens", "closes", "hour", "expected"),
    [
        (time(8), time(20), 7, "refused"),
        (time(8), time(20), 8, "allowed"),
        (time(8), time(20), 19, "allowed"),
        (time(8), time(20), 20, "refused"),
        (time(22), time(2), 23, "allowed"),
        (time(22), time(2), 1, "allowed"),
        (time(22), time(2), 12, "refused"),
    ],
)
def test_hours_are_those_of_the_familys_clock(opens, closes, hour, expected) -> None:
    controls = Controls(opens=opens, closes=closes, zone="Europe/Berlin")
    local = datetime(2026, 11, 26, hour, tzinfo=UTC) - timedelta(hours=1)  # winter time

    assert outcome("generate", replace(TEEN, controls=controls), local) == expected


def test_a_parent_switches_publishing_and_explicit_tracks_off() -> None:
    strict = Controls(explicit=False, publishing=False)
    consented = replace(TEEN, consents=frozenset({"explicit"}))

    assert outcome("hear-explicit", consented) == "allowed"
    assert outcome("hear-explicit", replace(consented, controls=strict)) == "refused"
    assert outcome("publish", replace(consented, controls=strict)) == "refused"


def test_controls_end_with_childhood_and_not_with_a_claim_of_it() -> None:
    strict = Controls(publishing=False)

    assert outcome("publish", replace(ADULT, controls=strict)) == "allowed"
    assert outcome("publish", Person(US, "adult", "low", controls=strict)) == "refused"


def test_hours_have_both_ends() -> None:
    with pytest.raises(ValueError, match="both ends"):
        Controls(opens=time(8))


# --- whoever it is

controls = st.builds(
    Controls,
    daily_generations=st.none() | st.integers(0, 5),
    opens=st.just(time(8)),
    closes=st.sampled_from([time(20), time(2)]),
    zone=st.sampled_from(["UTC", "Asia/Tokyo"]),
    explicit=st.booleans(),
    publishing=st.booleans(),
)
jurisdictions = st.sampled_from([default_jurisdictions().of(each) for each in ("US", "DE", None)])
scopes = st.frozensets(st.sampled_from([*SCOPE_OF.values(), "voice"]))
assured = st.builds(
    Person,
    jurisdiction=jurisdictions,
    band=st.sampled_from(BANDS),
    level=st.sampled_from(LEVELS),
    consents=scopes,
    controls=st.none() | controls,
    generated_today=st.integers(0, 40),
)
unassured = st.builds(
    Person, jurisdiction=jurisdictions, consents=scopes, controls=st.none() | controls
)
people = assured | unassured
acts = st.sampled_from(ACTS)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))


def allows_no_more(act, fewer: Person, person: Person, now: datetime) -> bool:
    return OUTCOMES.index(outcome(act, fewer, now)) >= OUTCOMES.index(outcome(act, person, now))


@given(acts, assured, moments)
def test_less_assurance_never_allows_more(act, person, now) -> None:
    assert allows_no_more(act, replace(person, band=None, level=None), person, now)
    for level in LEVELS[: LEVELS.index(person.level)]:
        assert allows_no_more(act, replace(person, level=level), person, now)


@given(acts, assured, moments)
def test_a_younger_band_never_allows_more(act, person, now) -> None:
    for band in BANDS[: BANDS.index(person.band)]:
        if person.band == "adult" and person.level == "low":
            continue  # nobody knows that they are one: see above
        assert allows_no_more(act, replace(person, band=band), person, now)


@given(acts, people, moments, scopes)
def test_revoking_never_allows_more(act, person, now, revoked) -> None:
    assert allows_no_more(act, replace(person, consents=person.consents - revoked), person, now)


@given(acts, people, moments, controls)
def test_a_parents_controls_never_allow_more(act, person, now, set_) -> None:
    free = replace(person, controls=None)
    assert allows_no_more(act, replace(person, controls=set_), free, now)


@given(acts, people, moments, st.integers(0, 50))
def test_having_generated_more_never_allows_more(act, person, now, more) -> None:
    after = replace(person, generated_today=person.generated_today + more)
    assert allows_no_more(act, after, person, now)


@given(acts, people, moments)
def test_whatever_is_not_allowed_is_explained_with_its_law(act, person, now) -> None:
    answer = gate(act, person, now)

    assert (answer.outcome == "allowed") == (answer.reasons == ())
    for reason in answer.reasons:
        assert reason.text.endswith(".")
        assert reason.legal_basis


def test_every_text_of_a_gate_is_there_in_four_languages_with_the_same_values() -> None:
    for name, texts in gate_texts().items():
        assert tuple(texts) == LANGUAGES, name
        if name == "acts":
            assert all(set(acts) == set(ACTS) for acts in texts.values())
            continue
        values = {frozenset(re.findall(r"\{(\w+)\}", text)) for text in texts.values()}
        assert len(values) == 1, name


def test_a_child_reads_in_their_language_why_they_have_to_wait() -> None:
    (reason,) = gate("publish", Person(default_jurisdictions().of("DE")), NOW).reasons
    assert reason.text == (
        "Somebody whose age is not known counts as under 16. "
        "Somebody under 16 may publish tracks once a parent has agreed to it."
    )
    assert reason.to_json()["texts"] == {
        "de": "Wessen Alter nicht bekannt ist, zählt als unter 16. "
        "Unter 16 ist es nur mit Zustimmung eines Elternteils erlaubt, Titel zu veröffentlichen.",
        "fr": "Une personne dont l'âge n'est pas connu compte comme ayant moins de 16 ans. "
        "Avant 16 ans, il n'est permis de publier des titres qu'avec l'accord d'un parent.",
        "es": "Una persona cuya edad no se conoce cuenta como menor de 16 años. "
        "Antes de los 16 años solo se permite publicar pistas con el acuerdo de uno de los padres.",
    }


def test_a_reason_told_otherwise_says_the_same_in_every_language() -> None:
    (reason,) = gate("publish", Person(default_jurisdictions().of("DE")), NOW).reasons
    told = reason.told_as("quota-of-several", count=3, left=1)
    assert told.text == "3 tracks were asked for at once. Left for this account today: 1."
    assert told.texts["de"].startswith("3 Titel auf einmal")
    assert all("3" in text and "1" in text for text in told.texts.values())
    assert (told.rule, told.outcome) == (reason.rule, reason.outcome)


def test_hours_and_quota_are_told_with_their_values() -> None:
    late = NOW.replace(hour=23)
    hours = Controls(opens=time(8), closes=time(20), zone="UTC")
    allowed = frozenset(SCOPE_OF.values())
    person = replace(CHILD, consents=allowed, controls=hours, generated_today=10)
    told = [reason.texts["de"] for reason in gate("generate", person, late).reasons]
    assert told == [
        "Ein Elternteil hat festgelegt, dass es diesem Konto nur von 08:00 bis 20:00 (UTC) erlaubt ist, "
        "Titel erzeugen zu lassen.",
        "Für dieses Konto wurden heute so viele Titel erzeugt, wie an einem Tag erlaubt sind.",
    ]
