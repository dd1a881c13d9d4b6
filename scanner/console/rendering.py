"""Templates into answers: in the reader's language, under a policy that lets nothing from elsewhere run."""

import hashlib
import re
import secrets
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import jinja2
from babel.dates import format_datetime, format_skeleton
from babel.numbers import format_decimal
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup, escape

import appeals
from appeals import laws
from policy.packs import Rule
from scanner import reviewer_keys
from scanner.console import countries, error_words, languages, music_words, navigation
from scanner.console.identities import Identity
from scanner.sentences import clock, sentence

FOLDER: Final = Path(__file__).parent
STATIC: Final = FOLDER / "static"
NO_BREAK: Final = "\N{NO-BREAK SPACE}"
SECURITY: Final[Mapping[str, str]] = {
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def content_security_policy(nonce: str | None = None) -> str:
    """Return what a page may load and run: its own files only.

    Parameters
    ----------
    nonce : str, optional
        Lets wavesurfer.js put its style sheet into the shadow tree of a player.
    """
    style = f"'self' 'nonce-{nonce}'" if nonce else "'self'"
    return (
        f"default-src 'none'; script-src 'self'; style-src {style}; img-src 'self' data:; "
        "media-src 'self' blob:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    )


def page(
    request: Request, name: str, status: int = 200, *, player: bool = False, **values: Any
) -> HTMLResponse:
    """Answer with a template.

    Parameters
    ----------
    player : bool
        The page plays sound.
    """
    identity: Identity | None = getattr(request.state, "identity", None)
    nonce = secrets.token_urlsafe(16) if player else None
    language = language_of(request)
    content = (
        _environment(language)
        .get_template(name)
        .render(
            identity=identity,
            menu=navigation.menu_of(identity.role if identity else None),
            place_here=navigation.place_at(request.url.path),
            role_names=navigation.ROLE_NAMES,
            csrf=getattr(request.state, "csrf", ""),
            path=request.url.path,
            here=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            nonce=nonce,
            **values,
        )
    )
    headers = {"Content-Security-Policy": content_security_policy(nonce), **SECURITY}
    return HTMLResponse(content, status, headers=headers)


def redirect(request: Request, path: str) -> Response:
    """Send a browser to another page; htmx is told so in its own way."""
    if request.headers.get("hx-request") == "true":
        return Response(status_code=204, headers={"HX-Redirect": path})
    return RedirectResponse(path, 303)


def language_of(request: Request) -> str:
    """Return the reader's language: the one they chose, else the one their browser asks for."""
    identity: Identity | None = getattr(request.state, "identity", None)
    chosen = (identity.language if identity else None) or request.cookies.get(LANGUAGE_COOKIE)
    if chosen in languages.LANGUAGES:
        return str(chosen)
    return languages.wanted(request.headers.get("accept-language"))


LANGUAGE_COOKIE: Final = "clearance_language"


@cache
def _environment(language: str) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_translations(  # type: ignore[attr-defined]
        languages.words(language), newstyle=True
    )
    environment.globals.update(
        language=language,
        languages=languages.LANGUAGES,
        static=static_path,
        hotkeys=dict(reviewer_keys.DEFAULTS),
    )
    environment.filters.update(
        clock=clock,
        reflowed=_reflowed,
        moment=lambda value: _moment(value, language),
        said=lambda message: message.told(languages.words(language).gettext),
        stem=lambda name: music_words.stem(name, language),
        musical=lambda text, field: music_words.value(field, text, language),
        pitch=lambda number: music_words.pitch(number, language),
        melody_trouble=lambda text: music_words.melody_trouble(text, language),
        because=lambda text: music_words.why(text, language),
        worded=lambda text: error_words.in_words(text, language),
        labelled=lambda field: _labelled(field, language),
        told=lambda reason: appeals.reason_text(reason, language),
        law=lambda rule: laws.cited(rule, language),
        law_source=laws.source,
        changed=lambda flip: flip["changes"].get(language) or flip["change"],
        sentence=lambda match: sentence(match, language, theirs=True),
        titled=lambda each: _title(each, language),
        places=lambda codes: ", ".join(countries.names(codes, language)),
        capitalize_first=lambda text: text[:1].upper() + text[1:],
        number=lambda value, digits=0: _number(value, language, digits),
        percent=lambda share, digits=0: f"{_number(100 * share, language, digits)}{NO_BREAK}%",
        probability=lambda share: _probability(share, language),
        signed=lambda value: _number(value, language, 1, sign="+"),
        size=lambda size: _size(size, language),
        fact=lambda value: _fact(value, language),
        day=lambda value: _day(value, language),
    )
    return environment


def _labelled(field: str, language: str) -> Markup:
    """Return what forms call a field; its name in an API where none has it."""
    called = error_words.label(field, language)
    return escape(called) if called else Markup("<code>{}</code>").format(field)


def _reflowed(text: str) -> str:
    """Undo the line breaks that a letter has within its paragraphs, so that a narrow window sets its own; lists stay."""
    return re.sub(r"(?<=\S)\n(?=[^\s\-•*])", " ", text)


def _title(each: Rule | Mapping[str, Any], language: str) -> str | None:
    """Return the title of a rule, or of a reason as a decision keeps it, in a language; its own if it has none there."""
    if isinstance(each, Rule):
        return each.titles.get(language) or each.title
    return each.get("titles", {}).get(language) or each.get("title")


def _moment(value: datetime | str | None, language: str) -> str:
    """Write a time for people, with its zone, in two lines at most; nothing for none."""
    if value is None:
        return ""
    read = datetime.fromisoformat(value) if isinstance(value, str) else value
    day = _day(read, language)
    hour = format_datetime(read, "HH:mm", locale=language)
    return f"{day}, {hour} UTC".replace(" ", NO_BREAK).replace(f",{NO_BREAK}", ", ")


def _day(value: date | str | None, language: str) -> str:
    """Write a day as a language does, the month in letters; nothing for none."""
    if value is None:
        return ""
    read = datetime.fromisoformat(value) if isinstance(value, str) else value
    return str(format_skeleton("yMMMd", read, locale=_locale(language)))


def _number(value: float, language: str, digits: int | None, sign: str = "") -> str:
    """Write a number as a language does.

    Parameters
    ----------
    digits : int or None
        Behind the point; None for those that it has, four at most.
    sign : str
        Before what is not below 0.
    """
    behind = "####" if digits is None else digits * "0"
    plain = f"#,##0.{behind}" if behind else "#,##0"
    shape = f"{sign}{plain};-{plain}"
    value = round(value, 4 if digits is None else digits) + 0.0  # a little below nothing is nothing
    return str(format_decimal(value, format=shape, locale=_locale(language)))


def _fact(value: Any, language: str) -> str:
    """Write what a rule saw as people do: neither None nor a list's brackets, nor seventeen digits."""
    match value:
        case None | "" | []:
            return "–"
        case bool():
            return languages.words(language).gettext("yes" if value else "no")
        case int() | float():
            return _number(value, language, None)
        case Mapping():
            return ", ".join(f"{name}: {_fact(each, language)}" for name, each in value.items())
        case list() | tuple():
            return ", ".join(_fact(each, language) for each in value)
    return str(value)


def _probability(share: float, language: str) -> str:
    """Write how sure a match is; none is certain."""
    told = _number(min(100 * share, 99.9), language, 1)
    return f"{'> ' if share > 0.999 else ''}{told}{NO_BREAK}%"


def _size(size: int, language: str) -> str:
    """Write the size of a file, in kilobytes rounded up."""
    unit = "ko" if language == "fr" else "kB"  # CLDR has the German of a kilobyte as kbyte
    return f"{_number(-(-size // 1000), language, 0)}{NO_BREAK}{unit}"


def _locale(language: str) -> str:
    """Return whose dates and numbers a language's pages have: English ones put the day before the month."""
    return "en_GB" if language == "en" else language


@cache
def static_path(name: str) -> str:
    """Return a static file's address, which changes with its content."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:12]}"
