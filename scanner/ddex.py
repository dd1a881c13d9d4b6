"""A subset of DDEX ERN: what a NewReleaseMessage says about one recording."""

from typing import Any, Final

from lxml import etree

from scanner.wording import Told

MAX_BYTES: Final = 1 << 20
MAX_TEXT: Final = 500
MAX_LIST: Final = 50
_KNOWN: Final = ("NewReleaseMessage",)
_TEXTS: Final = frozenset({"message_id", "title", "isrc", "p_line", "c_line", "parental_warning"})
_LISTS: Final = frozenset({"artists", "ai_contributions"})


def parse_ern(value: Any) -> dict[str, Any] | None:
    """Return the fields of a NewReleaseMessage (ERN 3.8 to 4.3) that clearance uses.

    Parameters
    ----------
    value : str, bytes, dict or None
        The message's XML, or fields parsed before.

    Returns
    -------
    dict
        ``message_id``, ``title``, ``artists``, ``isrc``, ``p_line``, ``c_line``,
        ``parental_warning``, ``ai_contributions``; only those that the message has.

    Raises
    ------
    ValueError
        If it is too large, no XML, holds a document type, is another message, or has other
        fields than these.
    """
    if value is None:
        return None
    if isinstance(value, dict):
        return _checked(value)
    root = message_root(value)
    if etree.QName(root).localname not in _KNOWN:
        raise ValueError("the XML is no DDEX NewReleaseMessage")
    recording = _first(root, "SoundRecording")
    scope = root if recording is None else recording
    fields: dict[str, Any] = {
        "message_id": _text(root, "MessageId"),
        "title": _text(scope, "TitleText"),
        "artists": _artists(scope),
        "isrc": _text(scope, "ISRC"),
        "p_line": _text(scope, "PLineText") or _text(root, "PLineText"),
        "c_line": _text(root, "CLineText"),
        "parental_warning": _text(scope, "ParentalWarningType"),
        "ai_contributions": _ai(scope),
    }
    return {name: each for name, each in fields.items() if each}


def _checked(fields: dict[Any, Any]) -> dict[str, Any]:
    """Take fields that were parsed before, from whoever sends them."""
    for name, each in fields.items():
        if name in _TEXTS:
            good = _is_text(each)
        elif name in _LISTS:
            good = isinstance(each, list) and len(each) <= MAX_LIST and all(map(_is_text, each))
        else:
            raise ValueError(
                Told(
                    "give the ERN message as XML text, or these fields of it: %(fields)s",
                    fields=", ".join(sorted(_TEXTS | _LISTS)),
                )
            )
        if not good:
            raise ValueError(Told("%(name)s of the ERN message is too long or no text", name=name))
    return fields


def _is_text(value: Any) -> bool:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT or "\0" in value:
        return False
    return not any("\ud800" <= char <= "\udfff" for char in value)  # half of a character


def message_root(value: Any, most: int = MAX_BYTES) -> Any:
    """Return the root of a message that is no larger than so many bytes; entities and network are off."""
    if not isinstance(value, str | bytes):
        raise ValueError("give the ERN message as XML text")
    # Text has lost the encoding that its declaration names: it is UTF-8 from here on.
    encoding = "utf-8" if isinstance(value, str) else None
    try:
        raw = value.encode() if isinstance(value, str) else value
    except UnicodeEncodeError:
        raise ValueError("the ERN message is no well-formed XML") from None
    if len(raw) > most:
        raise ValueError(Told("an ERN message has at most %(most)s bytes", most=most))
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        encoding=encoding,
    )
    try:
        root = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise ValueError("the ERN message is no well-formed XML") from None
    docinfo: Any = root.getroottree().docinfo
    if docinfo.doctype:
        raise ValueError("an ERN message holds no document type")
    return root


def _all(node: Any, name: str) -> list[Any]:
    return [each for each in node.iter() if _local(each) == name]


def _local(node: Any) -> str:
    return etree.QName(node).localname if isinstance(node.tag, str) else ""


def _first(node: Any, name: str) -> Any:
    return next((each for each in node.iter() if _local(each) == name), None)


def _text(node: Any, name: str) -> str | None:
    found = _first(node, name)
    return None if found is None else (found.text or "").strip()[:MAX_TEXT] or None


def _artists(node: Any) -> list[str]:
    names = [_text(each, "FullName") for each in _all(node, "DisplayArtist")]
    plain = [(each.text or "").strip()[:MAX_TEXT] for each in _all(node, "DisplayArtistName")]
    return list(dict.fromkeys(name for name in (*names, *plain) if name))[:MAX_LIST]


def _ai(node: Any) -> list[str]:
    """Return the contributions that are flagged as made by AI (the 4.3 extension, DDEX-A)."""
    flagged = [
        each
        for each in node.iter()
        if _local(each) in {"IsGeneratedByAI", "AIContribution", "IsAIGenerated"}
        and ((each.text or "").strip() or "true").lower() in {"true", "1", "yes"}
    ]
    return list(dict.fromkeys(_local(each.getparent()) for each in flagged))[:MAX_LIST]
