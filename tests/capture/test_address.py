"""Where a request came from: only those who are believed may say it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.capture.address import client_address, direct_peer, is_in, networks

PROXIES = networks(["10.0.0.0/8", "127.0.0.1", "fd00::/8"])
XFF = "x-forwarded-for"
PEER = ("10.0.0.1", 1234)


def seen(lines: list[str], peer: tuple[str, int] | None = PEER, header: str = XFF) -> str | None:
    believed = lines if is_in(direct_peer(peer), PROXIES) else []
    return client_address(peer, header, believed, PROXIES)


@pytest.mark.requirement("actor.no-spoofing")
@pytest.mark.parametrize(
    ("lines", "client"),
    [
        ([], "10.0.0.1"),
        (["203.0.113.7"], "203.0.113.7"),
        (["203.0.113.7, 10.2.3.4"], "203.0.113.7"),
        (["1.1.1.1, 203.0.113.7, 10.2.3.4"], "203.0.113.7"),
        (["1.1.1.1", "203.0.113.7"], "203.0.113.7"),
        (["10.9.9.9, 10.2.3.4"], "10.9.9.9"),
        (["203.0.113.7:4711"], "203.0.113.7"),
        (["[2001:db8::1]:4711"], "2001:db8::1"),
        (["2001:db8::1"], "2001:db8::1"),
        (["::ffff:203.0.113.7"], "203.0.113.7"),
        (["203.0.113.7, ::ffff:10.0.0.7"], "203.0.113.7"),
        (["1.1.1.1, unknown"], None),
        (["1.1.1.1, _hidden, 10.2.3.4"], None),
        (["1.1.1.1, fe80::1%<script>"], None),
        ([", ".join(["1.1.1.1"] * 200)], None),
        ([" "], "10.0.0.1"),
    ],
)
def test_hops_are_read_from_the_right_as_far_as_they_are_trusted(
    lines: list[str], client: str | None
) -> None:
    assert seen(lines) == client


@pytest.mark.requirement("actor.no-spoofing")
@pytest.mark.parametrize(
    ("lines", "client"),
    [
        (["for=203.0.113.7;proto=https"], "203.0.113.7"),
        (['For="[2001:db8::1]:4711";by=10.0.0.1'], "2001:db8::1"),
        (["for=1.1.1.1, for=203.0.113.7;host=a, for=10.2.3.4"], "203.0.113.7"),
        (["for=1.1.1.1;for=2.2.2.2"], None),
        (["for=1.1.1.1, proto=https"], None),
        (['for="1.1.1.1, for=203.0.113.7'], "203.0.113.7"),
        (["for=_secret"], None),
        (["1.1.1.1"], None),
    ],
)
def test_forwarded_has_a_syntax_of_its_own(lines: list[str], client: str | None) -> None:
    assert seen(lines, header="forwarded") == client


@pytest.mark.requirement("actor.no-spoofing")
@given(
    st.lists(
        st.text(max_size=40)
        | st.ip_addresses().map(str)
        | st.lists(st.ip_addresses().map(str), min_size=1).map(", ".join),
        max_size=4,
    ),
    st.sampled_from([XFF, "forwarded"]),
    st.ip_addresses().filter(lambda one: not is_in(one, PROXIES)),
)
def test_whatever_a_client_sends_its_own_address_is_what_the_trusted_proxy_adds(
    sent: list[str], header: str, real: object
) -> None:
    said = f'for="[{real}]"' if ":" in str(real) else f"for={real}"
    added = said if header == "forwarded" else str(real)
    expected = str(getattr(real, "ipv4_mapped", None) or real)
    got = seen([*sent, added], header=header)
    too_much = len(",".join([*sent, added])) > 8_192 or ",".join(sent).count(",") >= 99
    assert got == (None if too_much else expected)


@pytest.mark.requirement("actor.no-spoofing")
@given(st.lists(st.text() | st.ip_addresses().map(str), max_size=4))
def test_a_stranger_is_known_by_its_connection_alone(sent: list[str]) -> None:
    assert seen(sent, peer=("203.0.113.9", 5)) == "203.0.113.9"


@pytest.mark.parametrize("peer", [None, ("testclient", 50_000), ("", 1), ("a b", 7)])
def test_what_is_no_address_is_none(peer: tuple[str, int] | None) -> None:
    assert seen(["1.1.1.1"], peer=peer) is None


@pytest.mark.requirement("actor.no-spoofing")
def test_an_address_that_the_server_program_took_from_a_header_is_not_the_peers() -> None:
    rewritten = ("1.1.1.1", 0)
    assert seen(["1.1.1.1"], peer=rewritten) == "1.1.1.1"  # this machine is a trusted proxy
    others = networks(["10.0.0.0/8"])
    assert client_address(rewritten, XFF, [], others) is None
