"""Decides to which addresses the service may connect on somebody else's word.

An address is refused *by its form* before anything is looked up, or *by address* after its name
was resolved. What was resolved is what is connected to (no second look-up), so a name that changes
its answer in between gains nothing, and a refused address is never connected to.
"""

import copy
import ipaddress
import re
import string
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from scanner.errors import ScannerError
from scanner.lookups import LOOKUP_SECONDS, Lookups, Resolve, resolve_by_system
from scanner.wording import Told

MAX_URL: Final = 2000
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_NAT64_LOCAL: Final = ipaddress.ip_network("64:ff9b:1::/48")
_ISATAP: Final = (0x00005EFE, 0x02005EFE)
"""Third quarter of addresses that end in an IPv4 address to which a router may hand them on (RFC 5214)."""
_V4_COMPATIBLE: Final = ipaddress.ip_network("::/96")
# Public by the registry (or by older versions of `ipaddress`), private by what answers there.
_NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",  # Azure's host agent
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata service
        "192.88.99.0/24",  # relays of 6to4 (RFC 7526)
        "3fff::/20",  # documentation (RFC 9637)
    )
)
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_PRIVATE_NAMES: Final = frozenset(
    {
        "arpa",
        "corp",
        "home",
        "internal",
        "invalid",
        "lan",
        "local",
        "localdomain",
        "localhost",
        "onion",
        "test",
    }
)


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
    """Where to connect: the name for TLS and the Host header, the address for the socket.

    Parameters
    ----------
    url : str
        In ASCII, without its fragment.
    authority : str
        Host and port as the Host header has them (RFC 9110, section 7.2).
    by_setting : bool
        Whether only the installation's list lets it be reached: what it answers is nobody else's to see.
    """

    url: str
    scheme: str
    host: str
    port: int
    authority: str
    address: str
    by_setting: bool = False


class UrlGuard:
    """The rules of one installation.

    Parameters
    ----------
    allowed_hosts : frozenset of str
        ``host:port`` pairs (``[::1]:8080`` for IPv6) that may be reached by plain http and at
        private addresses.
    s3_buckets : frozenset of str
        Buckets that ``s3://bucket/key`` may name.
    resolve : callable
        Name and port to addresses.
    lookup_seconds : float
        How long that may take.
    """

    def __init__(
        self,
        allowed_hosts: frozenset[str] = frozenset(),
        s3_buckets: frozenset[str] = frozenset(),
        resolve: Resolve = resolve_by_system,
        lookup_seconds: float = LOOKUP_SECONDS,
    ) -> None:
        self._allowed = frozenset(pair.lower() for pair in allowed_hosts)
        self._buckets = s3_buckets
        self._lookups = Lookups(resolve, lookup_seconds)
        self._owner: str | None = None

    def of(self, owner: str) -> "UrlGuard":
        """Return the same guard, which looks names up for one tenant: only so many at once."""
        owned = copy.copy(self)
        owned._owner = owner
        return owned

    def check_form(self, url: str) -> SplitResult:
        """Refuse an address by its form, without looking anything up.

        Raises
        ------
        UrlRefusedError
            With ``at="form"``.
        """
        parts = self._split(url)
        if parts.scheme == "s3":
            if parts.netloc not in self._buckets or not parts.path.strip("/"):
                raise _form("s3 addresses must name a key in a bucket this service may read")
            if not {".", ".."}.isdisjoint(parts.path.split("/")):
                raise _form("the key has a segment that is . or ..")  # HTTP would resolve it
            return parts
        if parts.scheme not in _DEFAULT_PORTS:
            raise _form("only https addresses are fetched")
        if not self._is_listed(parts):
            _check_public(parts)
        return parts

    def check_web_form(self, url: str) -> SplitResult:
        """Refuse by its form an address that must be of the web: no ``s3://``.

        Raises
        ------
        UrlRefusedError
            With ``at="form"``.
        """
        parts = self.check_form(url)
        if parts.scheme not in _DEFAULT_PORTS:
            raise _form("only https addresses are reached from here")
        return parts

    def target(self, url: str) -> Target:
        """Resolve an address once and say where to connect.

        Raises
        ------
        UrlRefusedError
            By form, or with ``at="address"`` if any of its addresses is not public.
        UnresolvedError
            If the name has no address now, or none in time.
        """
        parts = self.check_web_form(url)
        host, port = _host(parts), _port(parts)
        try:
            addresses = list(dict.fromkeys(self._lookups.addresses(host, port, self._owner)))
        except (OSError, UnicodeError):
            addresses = []
        if not addresses:
            raise UnresolvedError(_REFUSED)
        is_public = all(map(_is_public, addresses))
        if not self._is_listed(parts) and not is_public:
            raise UrlRefusedError("address", _REFUSED)
        authority = _bracketed(host)
        if port != _DEFAULT_PORTS[parts.scheme]:
            authority += f":{port}"
        path, query = (quote(part, safe=string.printable) for part in (parts.path, parts.query))
        return Target(
            url=urlunsplit((parts.scheme, authority, path or "/", query, "")),
            scheme=parts.scheme,
            host=host,
            port=port,
            authority=authority,
            address=addresses[0],
            by_setting=not (is_public and _has_public_form(parts)),
        )

    def _is_listed(self, parts: SplitResult) -> bool:
        return f"{_bracketed(_host(parts))}:{_port(parts)}" in self._allowed

    def _split(self, url: str) -> SplitResult:
        if len(url) > MAX_URL:
            raise _form(Told("an address has at most %(max_url)s characters", max_url=MAX_URL))
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


_NO_FULL_NAME: Final = "the host must be a full public name without a dot at its end"
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


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _check_public(parts: SplitResult) -> None:
    """Refuse by its form an address that the installation does not list."""
    if parts.scheme == "http":
        raise _form("only https addresses are fetched")
    if _port(parts) != 443:
        raise _form("only port 443 is fetched")
    _check_name(parts)


def _has_public_form(parts: SplitResult) -> bool:
    try:
        _check_public(parts)
    except UrlRefusedError:
        return False
    return True


def _check_name(parts: SplitResult) -> None:
    """Refuse hosts that are private by their looks, and odd spellings of addresses."""
    host = _host(parts)
    try:
        if not _is_public(host.partition("%")[0]):
            raise _form("private addresses are not fetched")
        if "%" in host:
            raise _form("addresses with a zone are not fetched")
        return
    except ValueError:
        pass
    labels = host.split(".")
    if len(labels) < 2 or len(host) > 253 or "[" in parts.netloc:
        raise _form(_NO_FULL_NAME)
    if not all(map(_LABEL.fullmatch, labels)):
        raise _form(_NO_FULL_NAME)
    last = labels[-1]
    if last.isdigit() or last.startswith("0x"):  # 127.1, 0x7f.1, 2130706433: addresses in disguise
        raise _form("write an IPv4 address as four decimal numbers")
    if last in _PRIVATE_NAMES:
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
        if ip in _NAT64_LOCAL or ip.is_site_local or int(ip) >> 32 & 0xFFFFFFFF in _ISATAP:
            return False
    return _is_global(ip)


def _is_global(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return ip.is_global and not (
        ip.is_multicast
        or ip.is_reserved
        or ip.is_unspecified
        or ip.is_loopback
        or any(ip in network for network in _NOT_PUBLIC)
    )
