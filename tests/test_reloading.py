"""What a reload knows of the configuration: how every key is taken over, and what is in force afterwards."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from sip2xmpp.config import Config, read
from sip2xmpp.keys import checks_of
from sip2xmpp.reloading import TAKEN, _restart, changed_keys, merged
from sip2xmpp.settings import HttpConfig, XmppConfig

LEGS = {"xmpp": XmppConfig, "http": HttpConfig}


def config(**tables: dict[str, Any]) -> Config:
    return read({"sip": {"domains": ["sip.example.org"]}, **tables}, Path("/nowhere"), {})


def test_it_is_said_of_every_key_how_it_is_taken_over() -> None:
    plain = config()
    known = {
        f"{table.name}.{key}"
        for table in fields(Config)
        for key in checks_of(LEGS.get(table.name) or type(getattr(plain, table.name)))
    }
    assert set(TAKEN) == known


def test_where_and_what_the_gateway_is_needs_a_restart() -> None:
    assert {TAKEN[key] for key in ("gateway.state", "sip.listen", "http.listen", "xmpp.server")} == {_restart}


def test_what_operators_change_from_day_to_day_does_not() -> None:
    assert _restart not in {
        TAKEN[key]
        for key in (
            "sip.certificate",
            "http.certificate",
            "sip.domains",
            "http.tokens",
            "http.roles",
            "log.level",
        )
    }


def test_a_leg_that_comes_or_goes_is_one_change() -> None:
    assert changed_keys(config(), config(http={})) == ["http"]
    assert changed_keys(config(http={}), config()) == ["http"]


def test_what_waits_for_a_restart_is_told_of_again() -> None:
    old, new = config(), config(sip={"domains": ["sip.example.org"], "t1": 1.0}, log={"level": "debug"})
    assert changed_keys(old, new) == ["sip.t1", "log.level"]
    in_force = merged(old, new, ["log.level"])
    assert changed_keys(in_force, new) == ["sip.t1"]
    assert changed_keys(merged(old, new, ["sip.t1", "log.level"]), new) == []
