"""What the gateway's own fixture writes, and how it runs."""

from pathlib import Path

from sip2xmpp.config import load
from tests.peers.gateway import Gateway, toml
from tests.peers.prosody import Prosody


def test_what_it_writes_is_a_configuration(tmp_path: Path) -> None:
    server = Prosody(tmp_path / "prosody", components=["sip.example.org", "gw.example.org"])
    gateway = Gateway(
        tmp_path / "gateway",
        xmpp=server,
        gateway_domain="gw.example.org",
        settings={"dns": {"domains": {"example.com": "sip:127.0.0.1:5080"}}, "sip": {"t1": 0.1}},
    )
    gateway.prepare()
    config = load(gateway.file, {})
    assert config.xmpp is not None
    assert config.xmpp.server == server.component
    assert config.xmpp.domains == ("sip.example.org",)
    assert config.xmpp.gateway_domain == "gw.example.org"
    assert config.dns.domains == {"example.com": "sip:127.0.0.1:5080"}
    assert config.sip.t1 == 0.1
    assert config.gateway.state == f"sqlite:{gateway.directory}/state.db"


def test_tables_are_written_as_toml() -> None:
    assert toml({"a": {"b": True, "c.d": ['"', 1.5], "e": {"f.g": {"h": 1}}}}).splitlines() == [
        "[a]",
        "b = true",
        '"c.d" = ["\\"", 1.5]',
        "[a.e]",
        '[a.e."f.g"]',
        "h = 1",
    ]


def test_it_runs_serves_dies_and_comes_back(tmp_path: Path) -> None:
    with Gateway(tmp_path) as gateway:
        assert gateway.health()["legs"]["sip"]["state"] == "up"
        gateway.kill()
        gateway.start()
        gateway.restart()
        assert gateway.run("status").startswith("sip2xmpp ")
        gateway.stop()
        assert gateway.status in {0, -15}


def test_it_tells_all_faults_and_ends(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, settings={"sip": {"lisen": [], "t1": 0}})
    gateway.launch()
    assert gateway.process is not None
    assert gateway.process.wait(20) == 1
    said = "\n".join(gateway.lines())
    assert "sip.lisen: no such key; did you mean listen?" in said
    assert "sip.t1: 0 is not between 0.05 and 5.0" in said
    assert "Traceback" not in said
