"""Decides to which addresses the service may connect on somebody else's word.

An address is refused *by its form* before anything is looked up, or *by address* after its name
was resolved. What was resolved is what is connected to (no second look-up), so a name that changes
its answer in between gains nothing, and a refused address is never connected to.
"""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

from scanner.errors import ScannerError

MAX_URL: Final = 2000
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_NAT64_LOCAL: Final = ipaddress.ip_network("64:ff9b:1::/48")
_V4_COMPATIBLE: Final = ipaddress.ip_network("::/96")

Resolve = Callable[[str, int], Sequence[str]]


class UrlRefusedError(ScannerError):
    """The service does not connect there.

    Parameters
    ----------
    at : {"form", "address"}
        Whether the address itself was refused, or what its name resolved to. In the second case
        the words are the same whatever is behind the name, so that they tell nothing about it.
    """

    problem = "url-refused"
    transient = False

    def __init__(self, at: Literal["form", "address"], detail: str) -> None:
        super().__init__(detail)
        self.at = at
        self.detail = detail


@dataclass(frozen=True)
class Target:
    """Where to connect: the name for TLS and the Host header, the address for the socket."""

    url: str
    scheme: str
    host: str
    port: int
    address: str


def resolve_by_system(host: str, port: int) -> list[str]:
    """Return the addresses of a name, by the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


class UrlGuard:
    """The rules of one installation.

    Parameters
    ----------
    allowed_hosts : frozenset of str
        ``host:port`` pairs that may be reached by plain http and at private addresses.
    s3_buckets : frozenset of str
        Buckets that ``s3://bucket/key`` may name.
    resolve : callable
        Name and port to addresses.
    """

    def __init__(
        self,
        allowed_hosts: frozenset[str] = frozenset(),
        s3_buckets: frozenset[str] = frozenset(),
        resolve: Resolve = resolve_by_system,
    ) -> None:
        self._allowed = frozenset(pair.lower() for pair in allowed_hosts)
        self._buckets = s3_buckets
        self._resolve = resolve

    def check_form(self, url: str) -> SplitResult:
        """Refuse an address by its form, without looking anything up.

        Raises
        ------
        UrlRefusedError
            With ``at="form"``.
        """
        parts = self._split(url)
        if parts.scheme == "s3":
            if parts.netloc not in self._buckets or len(parts.path) < 2:
                raise _form("s3 addresses must name a key in a bucket this service may read")
            return parts
        host, port = _host(parts), _port(parts)
        listed = f"{host}:{port}" in self._allowed
        if parts.scheme == "http" and not listed:
            raise _form("only https addresses are fetched")
        if parts.scheme not in _DEFAULT_PORTS:
            raise _form("only https addresses are fetched")
        if port != 443 and not listed:
            raise _form("only port 443 is fetched")
        if not listed:
            _check_name(host)
        return parts

    def target(self, url: str) -> Target:
        """Resolve an address once and say where to connect.

        Raises
        ------
        UrlRefusedError
            By form, or with ``at="address"`` if any of its addresses is not public.
        UnresolvedError
            If the name has no address now.
        """
        parts = self.check_form(url)
        host, port = _host(parts), _port(parts)
        try:
            addresses = list(dict.fromkeys(self._resolve(host, port)))
        except OSError:
            addresses = []
        if not addresses:
            raise UnresolvedError(_REFUSED)
        if f"{host}:{port}" not in self._allowed and not all(map(_is_public, addresses)):
            raise UrlRefusedError("address", _REFUSED)
        return Target(url=url, scheme=parts.scheme, host=host, port=port, address=addresses[0])

    def _split(self, url: str) -> SplitResult:
        if len(url) > MAX_URL:
            raise _form(f"an address has at most {MAX_URL} characters")
        if any(ord(char) <= 0x20 or ord(char) == 0x7F or char == "\\" for char in url):
            raise _form("an address holds no blanks, backslashes or control characters")
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:
            raise _form("this is no address") from None
        if parts.username is not None or parts.password is not None:
            raise _form("an address must not hold a user name or password")
        if not parts.netloc:
            raise _form("an address needs a scheme and a host, as in https://example.com/a.flac")
        return parts


class UnresolvedError(ScannerError):
    """The name has no address now; it may later."""


_REFUSED: Final = "this address can't be fetched: it does not lead to a public server"


def _form(detail: str) -> UrlRefusedError:
    return UrlRefusedError("form", detail)


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    try:
        return host.encode("idna").decode("ascii").lower() if not host.isascii() else host.lower()
    except UnicodeError:
        raise _form("the host is no valid name") from None


def _port(parts: SplitResult) -> int:
    return parts.port if parts.port is not None else _DEFAULT_PORTS.get(parts.scheme, 0)


def _check_name(host: str) -> None:
    """Refuse hosts that are private by their looks, and odd spellings of addresses."""
    try:
        if not _is_public(host.partition("%")[0]):
            raise _form("private addresses are not fetched")
        if "%" in host:
            raise _form("addresses with a zone are not fetched")
        return
    except ValueError:
        pass
    labels = host.split(".")
    if host.endswith(".") or "" in labels or len(labels) < 2:
        raise _form("the host must be a full public name without a dot at its end")
    last = labels[-1]
    if last.isdigit() or last.startswith("0x"):  # 127.1, 0x7f.1, 2130706433: addresses in disguise
        raise _form("write an IPv4 address as four decimal numbers")
    if last in {
        "localhost",
        "local",
        "internal",
        "lan",
        "home",
        "corp",
        "invalid",
        "test",
        "onion",
    }:
        raise _form("private names are not fetched")


def _is_public(address: str) -> bool:
    """Tell whether an address is public, the one that it may carry inside included.

    Raises
    ------
    ValueError
        If it is no address at all.
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        carried: list[ipaddress.IPv4Address] = []
        if ip.ipv4_mapped is not None:
            carried.append(ip.ipv4_mapped)
        if ip.sixtofour is not None:
            carried.append(ip.sixtofour)
        if ip.teredo is not None:
            carried.extend(ip.teredo)
        if ip in _NAT64 or ip in _V4_COMPATIBLE:
            carried.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if carried:
            return ip in _NAT64 and all(map(_is_global, carried))
        if ip in _NAT64_LOCAL or ip.is_site_local:
            return False
    return _is_global(ip)


def _is_global(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return ip.is_global and not (
        ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_loopback
    )
