"""The XCAP server in memory: the real site over a string transport, with virtual time and users who know their passwords."""

import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_network

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from sip2xmpp.address import Address
from sip2xmpp.digest import Algorithm, Challenge, answer, ha1
from sip2xmpp.portal.document_tokens import DocumentTokens
from sip2xmpp.portal.health import Health
from sip2xmpp.portal.site import site
from sip2xmpp.portal.tokens import Right, Token, Tokens, digest_of
from sip2xmpp.store.accounts import hashes_of, make_account, offered_by
from sip2xmpp.xcap.authentication import Authentication, HttpDigest, NoAuthentication
from sip2xmpp.xcap.documents import DocumentLimits, Documents
from sip2xmpp.xcap.generated import Generated, Watcher
from sip2xmpp.xcap.resource import Rules, Xcap
from sip2xmpp.xcap.services import ServiceConstraints
from tests.portal.scene import Answer as PortalAnswer
from tests.portal.scene import SlowStore

ROOT = "http://xcap.sip.example.org/xcap"
DOMAIN = "sip.example.org"
OTHER_DOMAIN = "other.example.org"
ALICE = Address("alice", DOMAIN)
BOB = Address("bob", DOMAIN)
PASSWORDS = {"alice": "rabbit", "bob": "builder"}
ADMIN = "admin-token-0123456789xyz"
HERD = "herd-token-0123456789xyzz"
READER = "reader-token-0123456789xy"

LISTS = "application/resource-lists+xml"
INDEX = f"resource-lists/users/sip:bob@{DOMAIN}/index"
DOCUMENT = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">\n'
    b'  <list name="friends">\n'
    b'    <entry uri="sip:alice@sip.example.org"/>\n'
    b"  </list>\n"
    b"</resource-lists>\n"
)


class Answer(PortalAnswer):
    """An answer with its fields, of which some come several times."""

    def __init__(self, octets: bytes) -> None:
        super().__init__(octets)
        head = octets.partition(b"\r\n\r\n")[0].decode()
        self.fields = [line.partition(": ") for line in head.split("\r\n")[1:]]

    def all(self, name: str) -> list[str]:
        return [value for given, _, value in self.fields if given.lower() == name]

    @property
    def etag(self) -> str:
        return self.headers.get("etag", "")

    @property
    def conflict(self) -> str:
        """The element that says what is wrong, of a 409."""
        assert self.status == 409 and self.headers["content-type"] == "application/xcap-error+xml"
        child = ET.fromstring(self.body)[0]
        return child.tag.rpartition("}")[2]


class Waited:
    """An answer that may not be there yet."""

    def __init__(self, transport: StringTransport) -> None:
        self.transport = transport

    def __call__(self) -> Answer:
        return Answer(self.transport.value())


class Scene:
    """A server with alice and bob, and a client for each request."""

    def __init__(
        self,
        *,
        domains: Sequence[str] = (DOMAIN,),
        limits: DocumentLimits | None = None,
        authenticates: bool = True,
        algorithms: Sequence[Algorithm] = (Algorithm.MD5, Algorithm.SHA256),
        may_see_picture: Callable[[Address, Address | None], bool] = lambda owner, who: False,
        proxies: Sequence[str] = (),
        path: str = "/xcap",
    ) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.store = SlowStore(self.clock)
        self.watchers: list[Watcher] = []
        self.lines: set[Address] = set()
        for domain in domains:
            for name, password in PASSWORDS.items():
                self.store.accounts.put(make_account(Address(name, domain), password))
        self.documents = Documents(
            self.store,
            clock=self.clock,
            exists=self.exists,
            limits=limits or DocumentLimits(),
            constraints=[
                ServiceConstraints(
                    self.store.documents,
                    serves=lambda domain: domain in domains,
                    is_taken=self.exists,
                    root=ROOT,
                )
            ],
        )
        tokens = DocumentTokens(
            Tokens(
                [
                    Token(name=name, digest=digest_of(secret), addresses=addresses, may=frozenset(may))
                    for name, secret, addresses, may in (
                        ("admin", ADMIN, ("*@*",), [Right.DOCUMENTS]),
                        ("herd", HERD, (f"b*@{DOMAIN}",), [Right.DOCUMENTS]),
                        ("reader", READER, ("*@*",), [Right.READ, Right.PUBLISH, Right.DECIDE]),
                    )
                ],
                self.clock,
                a_minute=10_000,
            )
        )
        authentication: Authentication = NoAuthentication(tokens)
        if authenticates:
            authentication = HttpDigest(
                lambda username, realm: hashes_of(self.store.accounts, username, realm),
                tokens,
                secret=b"n" * 32,
                clock=self.clock,
                realms=domains,
                algorithms=algorithms,
                offered=offered_by(self.store.accounts),
            )
        self.xcap = Xcap(
            self.documents,
            Generated(self.store.documents, root=ROOT, watchers=lambda address: self.watchers),
            authentication,
            Rules(domains=tuple(domains), exists=self.exists, may_see_picture=may_see_picture),
            clock=self.clock,
            path=path,
        )
        self.serve(self.xcap, proxies)

    def serve(self, xcap: Xcap, proxies: Sequence[str] = ()) -> None:
        """Put a server on the port."""
        health = Health(self.clock, dict, dict)
        health.phase = "serving"
        self.site = site(
            health,
            None,
            xcap,
            trusted_proxies=[ip_network(proxy) for proxy in proxies],
            clock=self.clock,
        )

    def exists(self, address: Address) -> bool:
        account = self.store.accounts.get(str(address))
        return address in self.lines or (account is not None and not account.disabled)

    def connect(self, peer: str = "192.0.2.7") -> tuple["StringTransport", Callable[[bytes], None]]:
        """A connection, and how to send something by it."""
        protocol = self.site.buildProtocol(None)
        transport = StringTransport(peerAddress=IPv4Address("TCP", peer, 5000))
        protocol.makeConnection(transport)
        transport.protocol = protocol
        return transport, protocol.dataReceived

    def send(self, octets: bytes, peer: str = "192.0.2.7") -> Answer:
        """What is answered to raw octets."""
        transport, send = self.connect(peer)
        send(octets)
        self.clock.advance(0)
        if transport.disconnecting:
            transport.protocol.connectionLost(Failure(ConnectionDone()))
        return Answer(transport.value())

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        media: str | None = LISTS,
        headers: Mapping[str, str] | None = None,
        peer: str = "192.0.2.7",
    ) -> Answer:
        """A request as it is; ``path`` is below the root unless it begins with a slash."""
        fields = {"Host": "localhost", "Connection": "close"}
        if body is not None:
            fields["Content-Length"] = str(len(body))
            if media is not None:
                fields["Content-Type"] = media
        fields |= headers or {}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        target = path if path.startswith("/") else f"/xcap/{path}"
        return self.send(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + (body or b""), peer)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        user: str = "bob",
        password: str | None = None,
        media: str | None = LISTS,
        headers: Mapping[str, str] | None = None,
        algorithm: str = "MD5",
        peer: str = "192.0.2.7",
    ) -> Answer:
        """A request of a user, who answers the challenge."""
        first = self.request(method, path, body, media=media, headers=headers, peer=peer)
        if first.status != 401:
            return first
        given = self.credentials(first, method, path, user=user, password=password, algorithm=algorithm)
        both = {**(headers or {}), "Authorization": given}
        return self.request(method, path, body, media=media, headers=both, peer=peer)

    @staticmethod
    def credentials(
        refused: Answer,
        method: str,
        path: str,
        *,
        user: str = "bob",
        password: str | None = None,
        algorithm: str = "MD5",
        uri: str | None = None,
        count: int = 1,
    ) -> str:
        """The Authorization field that answers a challenge."""
        challenges = [Challenge.parse(value) for value in refused.all("www-authenticate")]
        challenge = next(each for each in challenges if each is not None and each.algorithm == algorithm)
        if password is None:
            password = PASSWORDS.get(user.partition("@")[0], "")
        known = ha1(Algorithm(algorithm), user, challenge.realm, password)
        target = path if path.startswith("/") else f"/xcap/{path}"
        return str(
            answer(
                challenge,
                username=user,
                ha1=known,
                method=method,
                uri=uri or target,
                count=count,
                cnonce="0a4f113b",
            )
        )

    def admin(
        self, method: str, path: str, body: bytes | None = None, *, token: str = ADMIN, media: str = LISTS
    ) -> Answer:
        """A request of a program with a token."""
        return self.request(method, path, body, media=media, headers={"Authorization": f"Bearer {token}"})

    def put_slowly(self) -> "Waited":
        """Bob puts the document, and the answer is not waited for."""
        first = self.request("PUT", INDEX, DOCUMENT)
        transport, send = self.connect()
        send(
            f"PUT /xcap/{INDEX} HTTP/1.1\r\nHost: x\r\nAuthorization: {self.credentials(first, 'PUT', INDEX)}\r\n"
            f"Content-Type: {LISTS}\r\nContent-Length: {len(DOCUMENT)}\r\n\r\n".encode()
            + DOCUMENT
        )
        return Waited(transport)

    def put(self, octets: bytes = DOCUMENT, path: str = INDEX, **fields: str) -> Answer:
        """Bob puts a document; ``fields`` are header fields, as in ``if_match``."""
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        return self.ask("PUT", path, octets, headers=headers)
