"""Does the name server answer from the zones it was given?"""

from pathlib import Path

import pytest

from tests.peers.nsd import Nsd

ZONE = """
    @ IN NAPTR 20 50 "s" "SIP+D2U" "" _sip._udp.example.net.
    _sip._udp IN SRV 10 60 5060 a
    a IN A 127.0.0.1
"""


def test_it_serves_every_zone_and_comes_back_on_the_same_port(tmp_path: Path) -> None:
    with Nsd(tmp_path / "nsd", {"example.net": ZONE, "jabber.example": "a IN A 127.0.0.2"}) as server:
        assert server.is_up()
        server.kill()
        server.start()
        assert server.is_up()


def test_a_fault_in_a_zone_is_seen_at_once(tmp_path: Path) -> None:
    server = Nsd(tmp_path / "nsd", {"example.net": "a IN NONSENSE"})
    server.starts_within = 0.5
    with pytest.raises(AssertionError, match="NONSENSE"):
        server.start()
