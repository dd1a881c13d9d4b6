"""Any well-typed facts: values, absent and unknown ones, near the numbers that rules ask for."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from policy import (
    UNKNOWN,
    AccountFact,
    AgeFact,
    Facts,
    GenerationFact,
    MatchFact,
    ProvenanceFact,
    WatermarkFact,
    WordsFact,
)

CODES = ("AT", "DE", "FR", "US")
PLACES = st.lists(st.sampled_from(CODES), unique=True, max_size=2).map(tuple)
SHARES = st.one_of(
    st.sampled_from([0.0, 0.05, 0.49, 0.5, 0.8, 0.9, 0.99, 0.995, 1.0]), st.floats(0, 1)
)
SECONDS = st.sampled_from([0.0, 8.0, 15.0, 15.1, 60.0])
WORDS = st.text(max_size=8)
SCOPES = ("upload", "generate", "publish", "explicit", "monetise", "voice")
WORDS_FOUND = st.builds(
    WordsFact,
    category=st.sampled_from(["profanity", "sexual", "violence", "drugs", "hate", "self-harm"]),
    source=st.sampled_from(["lyrics", "tags", "title", "heard", "prompt"]),
    strong=st.booleans(),
)


def known(value: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """A value, or absent."""
    return st.one_of(value, st.none())


def fact(value: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """A value, absent, or now and then unknown."""
    return st.one_of(value, value, value, st.none(), st.just(UNKNOWN))


def matches(a: Any = fact) -> SearchStrategy[MatchFact]:
    yes = st.sampled_from([False, False, False, True])
    never_absent = st.just(UNKNOWN) if a is fact else st.nothing()
    return st.builds(
        MatchFact,
        reference_id=st.sampled_from(["r1", "r2", "r3"]),
        kind=st.sampled_from(["recording", "recording", "composition"]),
        score=st.one_of(SHARES, SHARES, SHARES, never_absent),
        title=WORDS,
        coverage_query=a(SHARES),
        coverage_reference=a(SHARES),
        matched_seconds=a(SECONDS),
        longest_seconds=a(SECONDS),
        reference_policy=st.sampled_from(["block", "block", "monetise", "track"]),
        territories=PLACES,
        holder=a(WORDS),
        same_holder=a(yes),
        other_holders=st.sampled_from([(), (), ("Other",)]),
        pitch_semitones=a(st.sampled_from([0.0, 0.4, -2.0, 1.0])),
        tempo_ratio=a(st.sampled_from([1.0, 1.02, 1.25, 0.8])),
        licensed=a(yes),
        licence_territories=PLACES,
        self_declared_licence=a(yes),
        public_domain=a(yes),
        public_domain_territories=PLACES,
        excluded=a(yes),
        negative_bank=a(yes),
        reference_precision=a(SHARES),
        reference_decided=a(st.sampled_from([0, 19, 20, 500])),
        reference_trusted=a(st.booleans()),
    )


def facts(a: Any = fact, states: tuple[str, ...] = ("ok", "failed", "not_run")) -> Any:
    yes = st.booleans()
    return st.builds(
        Facts,
        origin=st.sampled_from(["upload", "upload", "generated"]),
        territories=PLACES,
        account=a(
            st.builds(
                AccountFact,
                strikes=a(st.integers(0, 4)),
                standing=a(st.sampled_from(["good", "good", "warned", "limited", "suspended"])),
            )
        ),
        age_band=a(st.sampled_from(["child", "teen", "adult", "unassured"])),
        age=a(
            st.builds(
                AgeFact,
                band=st.sampled_from(["child", "teen", "adult"]),
                method=st.sampled_from(["self-declared", "document", "parent"]),
                level=st.sampled_from(["low", "substantial", "high"]),
                consent_age=a(st.integers(13, 16)),
            )
        ),
        consents=a(st.lists(st.sampled_from(SCOPES), unique=True, max_size=3).map(tuple)),
        words=a(st.lists(WORDS_FOUND, max_size=2).map(tuple)),
        words_from=a(
            st.lists(st.sampled_from(["lyrics", "tags", "title", "heard"]), max_size=2).map(tuple)
        ),
        lyrics_heard=a(yes),
        rights_attested=a(st.sampled_from([True, True, False])),
        generation=a(
            st.builds(
                GenerationFact,
                model=st.just("rules 1"),
                trained=a(yes),
                prompt_signals=st.lists(
                    st.sampled_from(["artist", "title", "quoted-lyrics", "hate"]), max_size=1
                ).map(tuple),
            )
        ),
        duration=a(SECONDS),
        detectors=st.fixed_dictionaries(
            {"fingerprint": st.sampled_from(states), "watermark": st.sampled_from(states)}
        ),
        matches=a(st.lists(matches(a), max_size=3).map(tuple)),
        lawful_use_flag=a(st.sampled_from([False, False, True])),
        declared_licences=st.sampled_from([(), (), ("licence",)]),
        explicit=a(yes),
        ai_disclosure=a(yes),
        watermarks=a(
            st.lists(
                st.builds(
                    WatermarkFact,
                    scheme=st.just("audiowmark"),
                    verdict=st.sampled_from(["found", "candidate"]),
                    owner=a(st.sampled_from(["ours", "other"])),
                ),
                max_size=2,
            ).map(tuple)
        ),
        provenance=a(
            st.builds(
                ProvenanceFact,
                state=st.sampled_from(["valid", "invalid", "untrusted"]),
                ai_generated=a(yes),
            )
        ),
    )
