"""Keys and the text of key files.

A key decides where a mark lies; whoever has it can read, write and remove marks. Reading and
writing the file itself, with mode 0600, is the caller's business.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from watermark.errors import BadKeyError, BadKeyFileError

KEY_BYTES: Final = 16
_TOKEN: Final = re.compile(
    r"""[ \t\r\n]*(?: (?P<comment>\#.*) | "(?P<quoted>(?:[^"\\]|\\.)*)" | (?P<bare>[A-Za-z0-9.:=/_-]+) )""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Key:
    """An AES-128 key and the name it is known by; the bytes never show in a representation.

    Raises
    ------
    BadKeyError
        If there are not 16 bytes, or the name holds a control character.
    """

    secret: bytes = field(repr=False)
    name: str = ""

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise BadKeyError(f"a key has {KEY_BYTES} bytes, this one {len(self.secret)}")
        if any(ord(character) < 32 for character in self.name):
            raise BadKeyError("the name of a key must not hold control characters")


NO_KEY: Final = Key(bytes(KEY_BYTES))
"""What audiowmark marks with when it is given no key: anyone can read and remove such a mark."""


def parse_key_file(text: str, default_name: str) -> Key:
    """Read the text of a key file.

    Parameters
    ----------
    text : str
        Lines ``key <32 hexadecimal digits>`` (exactly one), ``name <string>``, blanks and comments.
    default_name : str
        Name of the key if the file gives none: audiowmark takes the file's own.

    Raises
    ------
    BadKeyFileError
        With the number of the line that is wrong, never with what is in it.
    """
    secrets, name = [], default_name
    for number, line in enumerate(text.split("\n"), start=1):
        match list(_tokens(line, number)):
            case []:
                pass
            case ["key", digits]:
                secrets.append(_secret(digits, number))
            case ["name", name]:
                pass
            case _:
                raise BadKeyFileError(
                    f"line {number} is neither 'key <32 hex digits>' nor 'name <string>'"
                )
    if len(secrets) != 1:
        raise BadKeyFileError(f"a key file holds exactly one key, this one {len(secrets)}")
    try:
        return Key(secrets[0], name)
    except BadKeyError as error:
        raise BadKeyFileError(str(error)) from error


def format_key_file(key: Key) -> str:
    """Write the text of a key file, which :func:`parse_key_file` and audiowmark read."""
    lines = ["# watermarking key: keep it secret", "", f"key {key.secret.hex()}"]
    if key.name:
        escaped = key.name.replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'name "{escaped}"')
    return "\n".join(lines) + "\n"


def _tokens(line: str, number: int) -> Iterator[str]:
    rest = line.rstrip(" \t\r")
    while rest:
        found = _TOKEN.match(rest)
        if found is None:
            raise BadKeyFileError(f"line {number} has a character that must stand in quotes")
        if found["comment"] is not None:
            return
        if found["quoted"] is not None:
            yield re.sub(r"\\(.)", r"\1", found["quoted"], flags=re.DOTALL)
        else:
            yield found["bare"]
        rest = rest[found.end() :]


def _secret(digits: str, number: int) -> bytes:
    if not re.fullmatch(rf"[0-9a-fA-F]{{{2 * KEY_BYTES}}}", digits):
        raise BadKeyFileError(
            f"the key in line {number} is not {2 * KEY_BYTES} hexadecimal digits long"
        )
    return bytes.fromhex(digits)
