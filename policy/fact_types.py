"""Types of facts by path, and sample facts, read off the models themselves."""

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from policy.clauses import EACH, Path
from policy.facts import (
    AccountFact,
    AgeFact,
    Facts,
    GenerationFact,
    MatchFact,
    ProvenanceFact,
    Unknown,
    WatermarkFact,
    WordsFact,
)


def types_at(path: Path, thresholds: Mapping[str, float]) -> list[Any]:
    """Types that the fact at a path may have; none if there is no such fact."""
    match path:
        case ("thresholds", name):
            return [float] if name in thresholds else []
        case ("thresholds",):
            return [dict]
        case ("match", *rest):
            return _descend([MatchFact], tuple(rest))
        case _:
            return _descend([Facts], path)


def choices_at(path: Path) -> frozenset[str] | None:
    """Words that the fact at a path can be, if it is one of a few."""
    literals = [kind for kind in types_at(path, {}) if get_origin(kind) is Literal]
    return frozenset(word for kind in literals for word in get_args(kind)) or None


def _descend(kinds: list[Any], path: Path) -> list[Any]:
    for name in path:
        kinds = [found for kind in kinds for found in _step(kind, name)]
    return kinds


def _step(kind: Any, name: str) -> Iterator[Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if name in kind.model_fields:
            yield from _alternatives(kind.model_fields[name].annotation)
    elif get_origin(kind) is tuple and name == EACH:
        yield from _alternatives(get_args(kind)[0])
    elif get_origin(kind) is dict:
        yield from _alternatives(get_args(kind)[1])


def _alternatives(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for part in get_args(annotation):
            yield from _alternatives(part)
    elif annotation not in (Unknown, type(None)):
        yield annotation


def _sample(yes: bool) -> Facts:
    """Facts with nothing absent: a clause that fails on them is wrong, not short of a fact."""
    share = 0.995 if yes else 0.3
    places = ("DE",) if yes else ("US", "FR")
    match = MatchFact(
        reference_id="r",
        kind="recording" if yes else "composition",
        score=share,
        title="Title",
        coverage_query=share,
        coverage_reference=share,
        longest_seconds=12.0,
        matched_seconds=30.0,
        pitch_semitones=1.5,
        tempo_ratio=1.06,
        reference_policy="block" if yes else "monetise",
        territories=places,
        holder="holder",
        same_holder=yes,
        other_holders=("another",),
        licensed=yes,
        licence_territories=places,
        self_declared_licence=yes,
        public_domain=yes,
        public_domain_territories=places,
        excluded=yes,
        negative_bank=yes,
        reference_precision=share,
        reference_decided=25,
        reference_trusted=yes,
    )
    mark = WatermarkFact(
        scheme="audiowmark",
        payload="00",
        verdict="found" if yes else "candidate",
        owner="ours" if yes else "other",
        false_alarm=1e-9,
        alone=yes,
    )
    return Facts(
        origin="generated" if yes else "upload",
        territories=places,
        account=AccountFact(strikes=3, standing="suspended" if yes else "good"),
        age_band="child" if yes else "adult",
        age=AgeFact(
            band="child" if yes else "adult",
            method="document" if yes else "self-declared",
            level="high" if yes else "low",
            consent_age=16,
        ),
        consents=("generate", "publish") if yes else ("upload",),
        duration=180.0,
        detectors={"fingerprint": "ok", "watermark": "ok"},
        matches=(match,),
        lawful_use_flag=yes,
        declared_licences=("licence",),
        explicit=yes,
        words=(
            WordsFact(
                category="sexual" if yes else "drugs",
                source="lyrics" if yes else "title",
                count=2,
                strong=yes,
            ),
        ),
        words_from=("lyrics", "title") if yes else ("tags",),
        lyrics_heard=yes,
        rights_attested=yes,
        generation=GenerationFact(
            model="rules 1", trained=yes, prompt_signals=("artist",) if yes else ("hate",)
        ),
        ai_disclosure=yes,
        watermarks=(mark,),
        provenance=ProvenanceFact(
            state="valid" if yes else "invalid", ai_generated=yes, issuer="issuer"
        ),
        warnings=("truncated",),
    )


SAMPLES: Final = (_sample(True), _sample(False))
