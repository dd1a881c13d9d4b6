"""No address that a stranger names leads inside."""

import pytest

from scanner.url_guard import UnresolvedError, UrlGuard, UrlRefusedError

PUBLIC = "93.184.216.34"

REFUSED_BY_FORM = [
    "http://example.com/a.mp3",
    "ftp://example.com/a.mp3",
    "file:///etc/passwd",
    "gopher://example.com/",
    "https://user@example.com/",
    "https://user:pass@example.com/",
    "https://example.com:8443/",
    "https://example.com./",
    "https://localhost/",
    "https://printer/",
    "https://db.internal/",
    "https://nas.local/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://100.64.0.1/",
    "https://0.0.0.0/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://[::1]/",
    "https://[::]/",
    "https://[fe80::1%25eth0]/",
    "https://[fc00::1]/",
    "https://[ff02::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::127.0.0.1]/",
    "https://[2002:7f00:1::]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b:1::1]/",
    "https://[2001:0:7f00:1::]/",
    "https://exa mple.com/",
    "https://example.com\\@127.0.0.1/",
    "https://example.com:99999/",
    "https:///a",
    "s3://other/key",
    "s3://mine",
    "https://" + "a" * 3000,
    "not an address",
]


def guard(*answers: str, allowed: str | None = None) -> UrlGuard:
    return UrlGuard(
        frozenset({allowed} if allowed else ()),
        frozenset({"mine"}),
        resolve=lambda _host, _port: list(answers),
    )


@pytest.mark.parametrize("url", REFUSED_BY_FORM)
def test_an_address_is_refused_by_its_form_before_anything_is_looked_up(url) -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise AssertionError("looked up")

    with pytest.raises(UrlRefusedError) as refused:
        UrlGuard(s3_buckets=frozenset({"mine"}), resolve=resolve).target(url)

    assert refused.value.at == "form"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a",
        "https://example.com:443/a",
        "https://bücher.example/a",
        f"https://{PUBLIC}/a",
        "https://[2606:2800:220:1::1]/a",
    ],
)
def test_public_https_addresses_are_taken(url) -> None:
    assert guard(PUBLIC).target(url).address == PUBLIC


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        [PUBLIC, "10.0.0.1"],
        ["::1"],
        ["::ffff:192.168.0.1"],
        ["169.254.169.254"],
        ["64:ff9b::a00:1"],
        ["100.100.100.200"],
    ],
)
def test_a_name_with_any_private_address_is_refused(answers) -> None:
    with pytest.raises(UrlRefusedError) as refused:
        guard(*answers).target("https://example.com/a")

    assert refused.value.at == "address"


def test_refused_and_unresolvable_names_read_the_same() -> None:
    with pytest.raises(UrlRefusedError) as refused:
        guard("10.0.0.1").target("https://example.com/a")
    with pytest.raises(UnresolvedError) as unresolved:
        guard().target("https://example.com/a")

    assert str(refused.value) == str(unresolved.value)


def test_a_listed_host_and_port_may_be_private_and_plain() -> None:
    listed = guard("127.0.0.1", allowed="127.0.0.1:8000")

    assert listed.target("http://127.0.0.1:8000/a").address == "127.0.0.1"
    with pytest.raises(UrlRefusedError):
        listed.target("http://127.0.0.1:8001/a")


def test_only_configured_buckets_are_read() -> None:
    assert guard().check_form("s3://mine/a/b.wav").netloc == "mine"
