"""What a reload knows of the configuration: how every key is taken over, and what is in force afterwards."""

from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sip2xmpp.assembly import Parts
from sip2xmpp.config import Config, read
from sip2xmpp.errors import ConfigError
from sip2xmpp.keys import checks_of
from sip2xmpp.reloading import Reloading, changed_keys, merged
from sip2xmpp.settings import HttpConfig, XmppConfig
from sip2xmpp.sip.tls import Tls
from sip2xmpp.taking import TAKEN, Running, restart
from tests.certificates import Authority

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
    assert {TAKEN[key] for key in ("gateway.state", "sip.listen", "http.listen", "xmpp.server")} == {restart}


def test_what_operators_change_from_day_to_day_does_not() -> None:
    assert restart not in {
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


def reloading(old: Config, **more: Any) -> Reloading:
    """One that has nothing to put anything in force in."""
    own = SimpleNamespace(addresses=SimpleNamespace(domains=old.sip.domains))
    parts = cast(Parts, SimpleNamespace(tls=Tls(), portal=None, own=own, **more))
    return Reloading(Running(parts=parts, http_tls=Tls(place="http"), site=None, log=None), old)


def test_what_is_in_force_afterwards_makes_sense_together() -> None:
    """A name that was the gateway's becomes one of our domains: either alone would be another gateway."""
    xmpp = {"secret": "capulet", "domains": ["sip.example.org"]}
    old = config(xmpp={**xmpp, "gateway_domain": "gw.example.org"})
    new = config(
        sip={"domains": ["sip.example.org", "gw.example.org"]},
        xmpp={**xmpp, "gateway_domain": "other.example.org"},
    )
    running = reloading(old)
    with pytest.raises(ConfigError) as raised:
        running.take(new)
    (fault,) = raised.value.faults
    assert fault.startswith("xmpp.gateway_domain: is in sip.domains as well")
    assert fault.endswith("until a restart takes over the rest of the file")
    assert running.config == old


def test_a_certificate_that_went_bad_after_the_check_changes_nothing(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).issue("gateway", ips=["127.0.0.1"])
    old = config()
    new = config(
        sip={"domains": ["sip.example.org"], "certificate": str(certificate), "private_key": str(key)},
        log={"level": "debug"},
    )
    key.write_text("gone")
    running = reloading(old)
    with pytest.raises(ConfigError, match="cannot be used"):
        running.take(new)
    assert running.config == old


def test_what_breaks_while_it_is_put_in_force_waits_and_the_rest_goes_on() -> None:
    old = config()
    new = config(
        sip={"domains": ["sip.example.org"], "trusted_peers": ["192.0.2.0/24"]},
        dns={"domains": {"example.com": "sip"}},
    )
    trusted: list[object] = []
    broken, fine = SimpleNamespace(override=None), SimpleNamespace(trust=trusted.append)
    running = reloading(old, directory=broken, gate=fine, xmpp=None)
    made = running.take(new)
    assert (made.taken, made.waiting) == (["sip.trusted_peers"], ["dns.domains"])
    assert trusted == [new.sip.trusted_peers]
    # and the next reload tries it again
    broken.override = lambda _: None
    assert running.take(new).taken == ["dns.domains"]
    assert running.config == new


def test_the_first_domain_needs_a_restart() -> None:
    xmpp = {"secret": "capulet", "gateway_domain": "gw.example.org"}
    old = config(sip={"domains": []}, xmpp=xmpp)
    assert reloading(old).take(config(xmpp=xmpp)).waiting == ["sip.domains"]
