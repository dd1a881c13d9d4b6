"""Statements of reasons in plain words, in the languages of `texts/statements.yaml` (DSA-17(4))."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import yaml

from appeals.tables import StatementOfReasons

LANGUAGES: Final = ("en", "de", "fr", "es")
_TEXTS: Final = Path(__file__).parent / "texts" / "statements.yaml"


def plain(statement: StatementOfReasons, language: str, zone: str = "UTC") -> str:
    """Return a statement in plain words.

    What a rule or a person says for which there are no words in that language stays in English, which is then said.

    Parameters
    ----------
    language : str
        One of :data:`LANGUAGES`.
    zone : str, optional
        IANA name of the zone in which the last day to contest it ends.

    Raises
    ------
    KeyError
        If there is no such language.
    """
    words = texts()[language]
    track = statement.track_id is not None
    said = _of_track(statement, words, language) if track else [_measure(statement, words)]
    said.append(_where(statement, words["where"], language))
    said.append(_until(statement, words, language, zone))
    said.append(words["why"])
    said += [reason_text(reason, language) for reason in statement.facts if reason.get("text")]
    if not all(language in reason.get("texts", ()) for reason in statement.facts):
        said.append(words["pack"])
    said.append(words["source"][statement.source])
    if track:
        said.append(words["detected"][_yes(statement.automated_detection)])
    said.append(words["ground"][statement.ground if track else "measure"])
    said.append(redress(statement, language, zone))
    return " ".join(each for each in said if each)


def reason_text(reason: Mapping[str, Any], language: str) -> str:
    """Return what a reason says in a language, in English where it has no such words."""
    return str(reason.get("texts", {}).get(language) or reason.get("text") or "")


def redress(statement: StatementOfReasons, language: str, zone: str = "UTC") -> str:
    """Return who decided, and how and until when that can be contested (DSA-17(3)(f))."""
    words = texts()[language]
    decided = words["decided"][_yes(statement.automated_decision)]
    if (
        not statement.open_to_appeal
    ):  # the platform is exempt from what DSA-20 and DSA-21 ask (DSA-19)
        return f"{decided} {words['court']}"
    said = [decided, words["redress"]]
    if statement.contest_until is not None:
        said.append(
            words["until_day"].format(day=_last_day(statement.contest_until, language, zone))
        )
    return " ".join([*said, words["elsewhere"]])


@cache
def texts() -> dict[str, dict[str, Any]]:
    """Return the frame's words by language."""
    words: dict[str, dict[str, Any]] = yaml.safe_load(_TEXTS.read_text(encoding="utf-8"))
    return words


def _of_track(statement: StatementOfReasons, words: dict[str, Any], language: str) -> list[str]:
    said = [words["what"][statement.effect]]
    if statement.effect == "conditioned":
        said += dict.fromkeys(_limit(words, each["kind"]) for each in statement.restrictions)
    return said


def _measure(statement: StatementOfReasons, words: dict[str, Any]) -> str:
    """Return what is done to a party: `terminated` is of accounts, `limited` of uploads."""
    return str(words["measure"][statement.effect][statement.what])


def _until(statement: StatementOfReasons, words: dict[str, Any], language: str, zone: str) -> str:
    if statement.ends_at is not None:
        day = _last_day(statement.ends_at, language, zone)
        return str(words["until"]["over"].format(day=day))
    return str(words["until"]["decided" if statement.effect == "quarantined" else "lifted"])


def _last_day(end: datetime, language: str, zone: str) -> str:
    from babel.dates import format_date  # the rules of other commands need no calendar

    last = end.astimezone(ZoneInfo(zone)) - timedelta(seconds=1)
    return str(format_date(last.date(), "long", locale=language))


def _limit(words: dict[str, Any], kind: str) -> str:
    return str(words["limit"].get(kind, words["limit"]["other"]))


def _where(statement: StatementOfReasons, words: dict[str, str], language: str) -> str:
    if statement.territories != ["*"]:
        return words["only"].format(territories=_names(statement.territories, language))
    if statement.excepted:
        return words["except"].format(territories=_names(statement.excepted, language))
    return words["everywhere"]


def _names(codes: Sequence[str], language: str) -> str:
    from babel import Locale
    from babel.lists import format_list

    known = Locale(language).territories
    return format_list([known.get(code, code) for code in codes], locale=language)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
