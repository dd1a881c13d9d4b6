"""Where the service may connect on somebody else's word: the forms of addresses, names, and what is listed."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.url_guard import UnresolvedError, UrlGuard, UrlRefusedError
from tests.resolving import PUBLIC, PUBLIC_V6, Resolver, refused_form


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/",
        "HTTPS://EXAMPLE.COM:443/a.flac?x=1#part",
        "https://my_bucket.s3.eu-central-1.amazonaws.com/key%20with?X-Amz-Signature=ab",
        "https://xn--mnchen-3ya.example.com/ton",
        f"https://{PUBLIC}/a",
        f"https://[{PUBLIC_V6}]/a",
        "https://a.b.c.d.example.co.uk:/x",
    ],
)
def test_a_public_https_address_is_taken(url):
    target = UrlGuard(resolve=Resolver(PUBLIC)).target(url)

    assert (target.scheme, target.port, target.address) == ("https", 443, PUBLIC)
    assert "#" not in target.url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/a.flac",
        "//example.com/a.flac",
        "https://",
        "https:///a.flac",
        "https:example.com",
        "https:/example.com",
        "http://example.com/a.flac",
        "http://example.com:443/a.flac",
        "ftp://example.com/a.flac",
        "file:///etc/passwd",
        "file://example.com/etc/passwd",
        "gopher://example.com/",
        "data:audio/wav;base64,AAAA",
        "javascript:alert(1)",
        "https+unix://example.com/",
    ],
)
def test_anything_but_https_with_a_host_is_refused_by_its_form(url):
    refused_form(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://user@example.com/",
        "https://user:word@example.com/",
        "https://@example.com/",
        "https://:@example.com/",
        "https://example.com@127.0.0.1/",
        "https://127.0.0.1@example.com/",
        "https://user@example.com:443/",
    ],
)
def test_user_names_and_passwords_are_refused(url):
    assert "user name" in refused_form(url)


@pytest.mark.parametrize(
    "port", ["0", "22", "80", "444", "8443", "65535", "65536", "-1", "99999", "x", "4 43", "+443"]
)
def test_ports_that_are_not_listed_are_refused(port):
    refused_form(f"https://example.com:{port}/")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com\\@127.0.0.1/",
        "https:\\\\example.com/",
        "https://example.com/a\\b",
        "https://example.com/a b",
        " https://example.com/",
        "https://example.com/\n",
        "https://exam\tple.com/",
        "https://example.com/\r\nHost: other",
        "https://example.com/\x00",
        "https://example.com/\x7f",
    ],
)
def test_backslashes_blanks_and_control_characters_are_refused(url):
    assert "blanks" in refused_form(url)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "intranet",
        "example.com.",
        "127.0.0.1.",
        ".example.com",
        "example..com",
        "-example.com",
        "example-.com",
        "exa$mple.com",
        "example.com,evil.org",
        "ex%61mple.com",
        "example.com%00.evil.org",
        "*.example.com",
        "a" * 64 + ".com",
        ".".join(["a" * 60] * 5),
        "[v1.example.com]",
        "[example.com]",
        "[::1",
        "::1",
        "foo.localhost",
        "printer.local",
        "metadata.google.internal",
        "nas.lan",
        "x.home",
        "x.home.arpa",
        "x.corp",
        "x.test",
        "x.onion",
        "x.invalid",
        "LOCALHOST.LocalDomain",
    ],
)
def test_hosts_that_are_no_full_public_name_are_refused(host):
    refused_form(f"https://{host}/")


@pytest.mark.parametrize(
    "answer", [[], socket.gaierror(-2, "unknown"), TimeoutError(), UnicodeError("label too long")]
)
def test_a_name_without_an_address_says_the_same_as_a_refused_one(answer):
    with pytest.raises(UnresolvedError) as unresolved:
        UrlGuard(resolve=Resolver(answer)).target("https://example.com/")
    with pytest.raises(UrlRefusedError) as refused:
        UrlGuard(resolve=Resolver("10.0.0.1")).target("https://example.com/")

    assert str(unresolved.value) == str(refused.value) == refused.value.detail
    assert "10.0.0.1" not in str(refused.value)
    assert "example" not in str(refused.value)


def test_a_name_is_looked_up_once_and_the_first_answer_is_pinned():
    resolver = Resolver([PUBLIC], ["127.0.0.1"])

    target = UrlGuard(resolve=resolver).target("https://rebind.example.com/")

    assert (target.address, len(resolver.asked)) == (PUBLIC, 1)


def test_a_name_in_another_script_is_looked_up_and_asked_for_in_ascii():
    resolver = Resolver(PUBLIC)

    target = UrlGuard(resolve=resolver).target("https://BÜCHER.example.com/töne/ä.flac?q=ö#ü")

    assert resolver.asked == [("xn--bcher-kva.example.com", 443)]
    assert target.host == target.authority == "xn--bcher-kva.example.com"
    assert target.url == (
        "https://xn--bcher-kva.example.com/t%C3%B6ne/%C3%A4.flac?q=%C3%B6"  # RFC 3987, section 3.1
    )


@pytest.mark.parametrize("host", ["ⓛocalhost", "foo.ⓛocal", "exa\u2100mple.com", "\u200b.com", "ä" * 70])  # fmt: skip
def test_names_that_normalise_to_private_or_impossible_ones_are_refused(host):
    refused_form(f"https://{host}/")


def test_escapes_and_odd_but_legal_characters_of_path_and_query_are_kept():
    path = "/a%2Fb/%c3%bc/(x)'!*;,=:@&$+~[]{}|^`\"<>?X-Sig=a%2Bb/+=&&y[]=1?2"

    target = UrlGuard(resolve=Resolver(PUBLIC)).target(f"https://example.com{path}")

    assert target.url == f"https://example.com{path}"


def test_an_address_has_at_most_2000_characters():
    start = "https://example.com/"
    guard = UrlGuard(resolve=Resolver(PUBLIC))

    assert guard.check_form(start + "a" * (2000 - len(start)))
    assert "2000" in refused_form(start + "a" * (2001 - len(start)))


@pytest.mark.parametrize(
    ("listed", "url", "authority"),
    [
        ("localhost:9000", "http://localhost:9000/a", "localhost:9000"),
        ("LocalHost:9000", "http://LOCALHOST:9000/a", "localhost:9000"),
        ("127.0.0.1:80", "http://127.0.0.1/a", "127.0.0.1"),
        ("minio:443", "https://minio/a", "minio"),
        ("minio:8443", "https://minio:8443/a", "minio:8443"),
        ("minio:443", "http://minio:443/a", "minio:443"),
        ("[::1]:9000", "http://[::1]:9000/a", "[::1]:9000"),
    ],
)
def test_a_listed_host_and_port_may_be_private_and_plain(listed, url, authority):
    guard = UrlGuard(frozenset({listed}), resolve=Resolver("10.1.2.3"))

    target = guard.target(url)

    assert (target.address, target.authority) == ("10.1.2.3", authority)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/",
        "http://localhost:9001/",
        "http://127.0.0.1:9000/",
        "http://localhost.:9000/",
        "http://sub.localhost:9000/",
        "http://x@localhost:9000/",
        "ftp://localhost:9000/",
    ],
)
def test_listing_one_host_and_port_opens_no_other(url):
    refused_form(url, allowed_hosts=frozenset({"localhost:9000"}))


def test_listing_nothing_of_a_name_does_not_free_its_address():
    guard = UrlGuard(frozenset({"example.com:8443"}), resolve=Resolver("10.0.0.1"))

    assert guard.target("https://example.com:8443/").port == 8443
    with pytest.raises(UrlRefusedError) as caught:
        guard.target("https://example.com/")
    assert caught.value.at == "address"


def test_a_key_in_a_listed_bucket_is_taken():
    guard = UrlGuard(s3_buckets=frozenset({"masters"}))

    assert guard.check_form("s3://masters/2026/a b.flac".replace(" ", "%20")).netloc == "masters"


@pytest.mark.parametrize(
    "url",
    [
        "s3://other/key",
        "s3://Masters/key",
        "s3://masters.evil/key",
        "s3://masters:9000/key",
        "s3://user@masters/key",
        "s3://masters",
        "s3://masters/",
        "s3://masters//",
        "s3://masters/../other/key",
        "s3://masters/a/../key",
        "s3://masters/./key",
        "s3://masters/key/..",
        "s3:///masters/key",
        "s3a://masters/key",
    ],
)
def test_other_buckets_and_addresses_without_a_key_are_refused(url):
    refused_form(url, s3_buckets=frozenset({"masters"}))


def test_a_bucket_is_no_target_on_the_web():
    resolver = Resolver(PUBLIC)
    guard = UrlGuard(s3_buckets=frozenset({"masters.example.com"}), resolve=resolver)
    url = "s3://masters.example.com/key"

    assert guard.check_form(url)
    for door in (guard.check_web_form, guard.target):
        with pytest.raises(UrlRefusedError) as caught:
            door(url)
        assert caught.value.at == "form"
    assert resolver.asked == []


@given(st.text(max_size=80), st.sampled_from(["", "https://", "https://[", "s3://", "http://"]))
def test_whatever_is_given_is_taken_or_refused_and_nothing_else(text, start):
    guard = UrlGuard(resolve=Resolver(PUBLIC), s3_buckets=frozenset({"b"}))

    try:
        target = guard.target(start + text)
    except UrlRefusedError:
        return

    assert target.url.isascii()
    assert target.scheme == "https"
    assert target.port == 443


@pytest.mark.parametrize(
    ("url", "address", "by_setting"),
    [
        ("https://example.com/hook", PUBLIC, False),
        ("http://example.com:8080/hook", PUBLIC, True),
        ("https://example.com/hook", "10.0.0.7", True),
        ("https://10.0.0.7/hook", "10.0.0.7", True),
    ],
)
def test_a_target_tells_whether_only_the_installations_list_lets_it_be_reached(
    url: str, address: str, by_setting: bool
) -> None:
    listed = frozenset({"example.com:443", "example.com:8080", "10.0.0.7:443"})
    guard = UrlGuard(listed, resolve=Resolver(address))
    assert guard.target(url).by_setting is by_setting
