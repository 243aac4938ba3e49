"""nginx before the gateway, with the sample of a site: TLS for pages and XCAP, and nothing that only the gateway should see."""

import http.client
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.beside.samples import LOOPBACK, PASSWORDS, SIP_DOMAIN, SampleGateway, filled
from tests.certificates import Authority
from tests.peers.ports import free_port
from tests.peers.process import Peer, is_listening
from tests.peers.sipmessage import authorization

HOST = f"presence.{SIP_DOMAIN}"
ALICE = f"alice@{SIP_DOMAIN}"
LISTS = b'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list name="a"/><list name="b"/></resource-lists>'

OWN = """\
daemon off;
pid {here}/nginx.pid;
error_log {here}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {here}/body;
    proxy_temp_path {here}/proxy;
    fastcgi_temp_path {here}/fastcgi;
    uwsgi_temp_path {here}/uwsgi;
    scgi_temp_path {here}/scgi;
    include {here}/site.conf;
}}
"""
"""What nginx.conf is elsewhere."""


class Nginx(Peer):
    """nginx with the sample as its only site."""

    name = "nginx"

    def __init__(self, directory: Path, gateway: int, files: tuple[Path, Path]) -> None:
        super().__init__(directory)
        self.port = free_port()
        self.changes = {
            "192.0.2.20:443": f"{LOOPBACK}:{self.port}",
            "127.0.0.1:8080": f"{LOOPBACK}:{gateway}",
            "/etc/sip2xmpp/tls/presence.pem": str(files[0]),
            "/etc/sip2xmpp/tls/presence.key": str(files[1]),
        }

    def prepare(self) -> None:
        (self.directory / "site.conf").write_text(filled("nginx/sip2xmpp.conf", self.changes), "utf-8")
        (self.directory / "nginx.conf").write_text(OWN.format(here=self.directory), "utf-8")

    def command(self) -> list[str]:
        return ["nginx", "-c", str(self.directory / "nginx.conf"), "-e", str(self.directory / "error.log")]

    def is_up(self) -> bool:
        return is_listening(self.port)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back through nginx."""

    status: int
    text: str
    cookies: list[str]
    challenges: list[str]


class Web:
    """A browser, as far as cookies go, and an XCAP client; both believe the authority and know the site by its name."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self._port = port
        self._context = context
        self._cookies: dict[str, str] = {}

    @contextmanager
    def open(
        self, path: str, method: str = "GET", body: bytes = b"", **fields: str
    ) -> Iterator[http.client.HTTPResponse]:
        """The answer, of which the body is not read yet."""
        with socket.create_connection((LOOPBACK, self._port), 10) as plain:
            connection = http.client.HTTPConnection(HOST)
            connection.sock = self._context.wrap_socket(plain, server_hostname=HOST)
            cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
            headers = {"Host": HOST, **({"Cookie": cookies} if cookies else {})}
            headers |= {name.replace("_", "-"): value for name, value in fields.items()}
            try:
                connection.request(method, path, body or None, headers)
                with connection.getresponse() as answer:
                    yield answer
            finally:
                connection.close()

    def ask(self, method: str, path: str, body: bytes = b"", **fields: str) -> Answer:
        """A whole answer; its cookies are kept."""
        with self.open(path, method, body, **fields) as got:
            cookies = got.headers.get_all("set-cookie") or []
            for cookie in cookies:
                name, _, value = cookie.partition(";")[0].partition("=")
                self._cookies[name] = value
            challenges = got.headers.get_all("www-authenticate") or []
            return Answer(got.status, got.read().decode(), cookies, challenges)

    def post(self, path: str, form: dict[str, str]) -> Answer:
        """Send a form of the site."""
        media = "application/x-www-form-urlencoded"
        return self.ask("POST", path, urlencode(form).encode(), Content_Type=media, Origin=f"https://{HOST}")

    def digest(self, method: str, path: str, body: bytes, user: str, password: str) -> Answer:
        """A request of an XCAP client."""
        media = {"Content_Type": "application/resource-lists+xml"} if body else {}
        offered = next(each for each in self.ask(method, path, body, **media).challenges if "MD5" in each)
        proved = authorization(offered, username=user, password=password, method=method, uri=path, nc=1)
        return self.ask(method, path, body, Authorization=proved, **media)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def test_pages_and_documents_are_reached_by_tls(tmp_path: Path, authority: Authority) -> None:
    files = authority.issue("presence", dns=[HOST])
    gateway = SampleGateway(tmp_path / "gateway", "nginx", {})
    gateway.changes = {
        "192.0.2.20:5060": f"{LOOPBACK}:{gateway.sip_port}",
        "127.0.0.1:8080": f"{LOOPBACK}:{gateway.http_port}",
    }
    with gateway, Nginx(tmp_path / "nginx", gateway.http_port, files) as nginx:
        context = ssl.create_default_context(cafile=str(authority.file))
        web = Web(nginx.port, context)
        # the page, whose cookies go by TLS only
        page = web.ask("GET", "/sign-in")
        assert page.status == 200
        token = re.search(r'name="csrf" value="([^"]+)"', page.text)
        form = {"name": ALICE, "password": PASSWORDS["alice"]}
        entered = web.post("/sign-in", {**form, **({"csrf": token[1]} if token else {})})
        assert entered.status == 303, entered.text
        cookies = page.cookies + entered.cookies
        assert cookies and all("Secure" in each and "HttpOnly" in each for each in cookies)
        assert web.ask("GET", "/my").status == 200
        # a document and a part of it, with a node selector that a proxy must not touch
        path = f"/xcap/resource-lists/users/sip:{ALICE}/index"
        assert web.digest("PUT", path, LISTS, "alice", PASSWORDS["alice"]).status == 201
        part = f"{path}/~~/resource-lists/list%5B@name=%22b%22%5D"
        found = web.digest("GET", part, b"", "alice", PASSWORDS["alice"])
        assert (found.status, found.text) == (200, '<list name="b"/>')
        # not for everybody
        assert web.ask("GET", "/health").status == 404
        assert web.ask("GET", "/metrics").status == 404
        # changes come as they happen
        with web.open("/live?topic=presence") as events:
            assert events.getheader("content-type", "").startswith("text/event-stream")
            gateway.run("permanent", ALICE, "xa", "--note", "On holiday")
            # one says that the stream is open, the next one that something changed
            heard = [events.readline() for _ in range(8)]
            assert b"event: changed\n" in heard, heard
