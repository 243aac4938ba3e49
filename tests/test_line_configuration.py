"""Shared lines in the configuration file."""

from pathlib import Path
from typing import Any

import pytest

from sip2xmpp.address import Address
from sip2xmpp.config import read
from sip2xmpp.errors import ConfigError


def lines(**tables: dict[str, Any]) -> dict[str, Any]:
    return {"sip": {"domains": ["sip.example.org"], "lines": {**tables}}}


def test_a_line_has_appearances_and_members() -> None:
    written = {"Sales@SIP.example.org": {"members": ["alice@sip.example.org"], "appearances": 4}}
    config = read(lines(**written), Path(), {})
    line = config.sip.lines["sales@sip.example.org"]
    assert line.appearances == 4 and line.members == (Address.parse("alice@sip.example.org"),)
    assert not line.always_open and line.ask_phones


@pytest.mark.parametrize(
    ("address", "table", "fault"),
    [
        ("sales@example.net", {}, 'sip.lines."sales@example.net": is not an address in sip.domains'),
        ("sip.example.org", {}, "is not an address in sip.domains"),
        ("sales@sip.example.org", {"appearances": 0}, "0 is not between 1 and 50"),
        ("sales@sip.example.org", {"members": ["@"]}, "is not an address"),
        ("sales@sip.example.org", {"member": []}, "no such key; did you mean members?"),
    ],
)
def test_what_makes_no_sense_is_said(address: str, table: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(lines(**{address: table}), Path(), {})
    assert any(fault in each for each in raised.value.faults), raised.value.faults
