"""Who has many addresses of one network counts as one client."""

import pytest

from scanner.limits import RateLimits
from scanner.problems import HttpError
from scanner.settings import Settings


def test_addresses_of_one_ipv6_network_share_a_rate_and_others_do_not() -> None:
    limits = RateLimits(Settings(public_rate_limit="2/minute"))
    limits.count_address("2001:db8:1:2::1")
    limits.count_address("2001:db8:1:2:ffff::7")
    with pytest.raises(HttpError, match="slow down"):
        limits.count_address("2001:db8:1:2:abcd:ef01:2345:6789")
    limits.count_address("2001:db8:1:3::1")
    limits.count_address("192.0.2.1")
    limits.count_address("::ffff:192.0.2.1")
    limits.count_address("192.0.2.2")
    with pytest.raises(HttpError, match="slow down"):
        limits.count_address("192.0.2.1")
    limits.count_address("unknown")  # a client on a socket file has none


def test_tries_to_log_in_are_counted_by_network() -> None:
    limits = RateLimits(Settings())
    for n in range(10):
        limits.count_login(f"2001:db8::{n:x}", "someone@example.com")
    with pytest.raises(HttpError, match="slow down"):
        limits.count_login("2001:db8::ffff", "someone@example.com")
    limits.count_login("2001:db8:0:1::1", "someone@example.com")
