"""Private addresses, in every spelling and disguise and behind names: none is connected to on somebody else's word."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.url_guard import UrlGuard, UrlRefusedError
from tests.resolving import PUBLIC, PUBLIC_V6, Resolver, refused_form


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "017700000001",
        "127.1",
        "127.0.1",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "127.0.0.0x1",
        "0X7F.1",
        "1.1.1.0x1",
        "010.8.8.8",
        "8.8.8",
        "256.256.256.256",
        "1.2.3.4.5",
        # full-width digits and ideographic full stops become plain ones
        "１２７.０.０.１",
        "127。0。0。1",
        "①②⑦.⓪.⓪.①",
    ],
)
def test_ipv4_addresses_in_disguise_are_refused(host):
    refused_form(f"https://{host}/")


PRIVATE_V4 = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
]


PRIVATE_V6 = [
    "::",
    "::1",
    "::7f00:1",
    "::127.0.0.1",
    f"::{PUBLIC}",
    "::ffff:127.0.0.1",
    "::ffff:a9fe:a9fe",
    f"::ffff:{PUBLIC}",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::808:808",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",  # Teredo
    "2001:db8::1",
    "2600::5efe:10.0.0.1",  # ISATAP
    "2600::200:5efe:7f00:1",
    "2002:7f00:1::1",  # 6to4 of 127.0.0.1
    "2002:a9fe:a9fe::",
    "2002:5db8:d70e::1",  # 6to4 of a public address: relays are not to be trusted either
    "3fff::1",
    "5f00::1",
    "4000::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", PRIVATE_V4)
def test_a_private_ipv4_literal_is_refused_by_its_form(address):
    assert refused_form(f"https://{address}/") == "private addresses are not fetched"


@pytest.mark.parametrize("address", PRIVATE_V6)
def test_a_private_ipv6_literal_is_refused_by_its_form(address):
    assert refused_form(f"https://[{address}]/") == "private addresses are not fetched"


@pytest.mark.parametrize(
    "address",
    [
        "0:0:0:0:0:0:0:1",
        "0000:0000:0000:0000:0000:0000:0000:0001",
        "0::0:1",
        "::0.0.0.1",
        "::FFFF:127.0.0.1",
        "0:0:0:0:0:ffff:7f00:0001",
        "0:0::ffff:169.254.169.254",
        "64:FF9B:0:0:0:0:127.0.0.1",
        "2002:7F00:0001:0:0:0:0:0",
        "FE80:0:0:0:0:0:0:1",
        "fD00:0EC2:0::254",
    ],
)
def test_a_private_ipv6_address_is_the_same_in_every_spelling(address):
    assert refused_form(f"https://[{address}]/") == "private addresses are not fetched"


@pytest.mark.parametrize(
    "host",
    [
        "[::ffff:127.1]",
        "[::ffff:0x7f.0.0.1]",
        "[::ffff:0177.0.0.1]",
        "[::ffff:2130706433]",
        "[0:0:0:0:0:0:0:0:1]",
        "[:::1]",
        "[::1]]",
        "[[::1]]",
        "[::1].example.com",
        "example.com[::1]",
    ],
)
def test_what_is_no_ipv6_address_between_brackets_is_no_name_either(host):
    refused_form(f"https://{host}/")


@pytest.mark.parametrize(
    "host",
    ["[fe80::1%25eth0]", "[fe80::1%eth0]", f"[{PUBLIC_V6}%25eth0]", f"[{PUBLIC_V6}%1]", "[::1%0]"],
)
def test_addresses_with_a_zone_are_refused(host):
    refused_form(f"https://{host}/")


@pytest.mark.parametrize("address", [*PRIVATE_V4, *PRIVATE_V6, "fe80::1%eth0"])
def test_a_name_that_resolves_to_a_private_address_is_refused_by_address(address):
    resolver = Resolver(address)

    with pytest.raises(UrlRefusedError) as caught:
        UrlGuard(resolve=resolver).target("https://example.com/a.flac")

    assert caught.value.at == "address"
    assert resolver.asked == [("example.com", 443)]


@pytest.mark.parametrize("answers", [[PUBLIC, "10.0.0.1"], ["::1", PUBLIC], [PUBLIC_V6, "fe80::1"]])
def test_one_private_address_among_public_ones_refuses_the_name(answers):
    with pytest.raises(UrlRefusedError):
        UrlGuard(resolve=Resolver(answers)).target("https://example.com/")


@pytest.mark.parametrize("address", ["8.8.8.8", PUBLIC, PUBLIC_V6, "64:ff9b::808:808"])
def test_a_public_address_is_connected_to_also_through_nat64(address):
    assert UrlGuard(resolve=Resolver(address)).target("https://example.com/").address == address


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:0:0", "64:ff9b::", "2002::", "::"]))
def test_a_carried_ipv4_address_is_never_more_public_than_itself(inner, prefix):
    shift = 80 if prefix == "2002::" else 0
    outer = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | int(inner) << shift)

    def is_taken(address: object) -> bool:
        try:
            UrlGuard(resolve=Resolver(str(address))).target("https://example.com/")
        except UrlRefusedError:
            return False
        return True

    assert is_taken(inner) or not is_taken(outer)
