import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sip2xmpp.command.main import main
from sip2xmpp.command.status import duration, lines, url_of
from sip2xmpp.config import read
from sip2xmpp.errors import ConfigError
from tests.peers.ports import free_port

REPORT = {
    "status": "ok",
    "version": "0.1.0",
    "uptime": 3723.5,
    "legs": {
        "sip": {"state": "up", "listen": ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]},
        "xmpp": {"state": "down", "why": "wrong secret"},
        "http": {"state": "up"},
    },
    "counts": {"subscriptions": 12, "transactions": {"client": 1, "server": 2}},
}

Answer = Callable[[int, bytes], Path]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Answer]:
    """Serves one answer; gives the configuration file that leads to it."""
    servers = []

    def answer(status: int, body: bytes) -> Path:
        class Health(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        port = free_port()
        server = ThreadingHTTPServer(("127.0.0.1", port), Health)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return configured(tmp_path, port)

    yield answer
    for server in servers:
        server.shutdown()
        server.server_close()


def configured(folder: Path, port: int) -> Path:
    file = folder / "sip2xmpp.toml"
    file.write_text(f'[sip]\ndomains = ["sip.example.org"]\n[http]\nlisten = "127.0.0.1:{port}"\n')
    return file


def test_the_report_reads_as_a_table() -> None:
    assert list(lines(REPORT)) == [
        "sip2xmpp 0.1.0: ok, up 1 h 2 min",
        "  sip            up    listen udp:127.0.0.1:5060 tcp:127.0.0.1:5060",
        "  xmpp           down  why wrong secret",
        "  http           up",
        "  subscriptions  12",
        "  transactions   client 1, server 2",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (61, "1 min 1 s"), (3600, "1 h"), (90_061, "1 d 1 h"), (86_400 * 400, "400 d")],
)
def test_a_duration_has_two_units_at_most(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_healthy_gateway_is_status_0(gateway: Answer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(gateway(200, json.dumps(REPORT).encode())), "status"]) == 0
    assert capsys.readouterr().out.startswith("sip2xmpp 0.1.0: ok")


@pytest.mark.parametrize(("code", "status"), [(200, "degraded"), (503, "starting"), (503, "stopping")])
def test_one_that_is_not_quite_well_is_status_1(
    gateway: Answer, capsys: pytest.CaptureFixture[str], code: int, status: str
) -> None:
    body = json.dumps({**REPORT, "status": status}).encode()
    assert main(["--config", str(gateway(code, body)), "status", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["status"] == status


def test_one_that_does_not_answer_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(configured(tmp_path, free_port())), "status"]) == 2
    assert "no gateway answers at http://127.0.0.1:" in capsys.readouterr().err


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b"\xff"])
def test_another_server_is_not_taken_for_the_gateway(
    gateway: Answer, capsys: pytest.CaptureFixture[str], body: bytes
) -> None:
    assert main(["--config", str(gateway(200, body)), "status"]) == 2
    assert "is not the gateway" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080/health"),
        ("0.0.0.0:80", "http://127.0.0.1:80/health"),
        ("[::]:8080", "http://[::1]:8080/health"),
    ],
)
def test_the_gateway_is_asked_where_it_listens(listen: str, url: str) -> None:
    assert url_of(read({"sip": {"domains": ["a.example"]}, "http": {"listen": listen}}, Path("/"), {})) == url


def test_a_gateway_without_a_web_port_cannot_be_asked() -> None:
    with pytest.raises(ConfigError, match="http: is not configured"):
        url_of(read({"sip": {"domains": ["a.example"]}}, Path("/"), {}))
