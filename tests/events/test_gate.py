"""Every way through the gate, as a phone on the network meets it: who is believed, whose it is, and who acts."""

import hashlib
import re
from collections.abc import Set as AbstractSet
from ipaddress import ip_network

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher

from sip2xmpp.address import Address, address_from_sip
from sip2xmpp.errors import BadDocument, Unreachable
from sip2xmpp.events.gate import Gate
from sip2xmpp.events.registered import RegisteredUsers
from sip2xmpp.presence.directory import Directory, Evidence
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.authentication import DigestServer
from sip2xmpp.store.accounts import hashes_of, make_account
from sip2xmpp.store.memory import MemoryStore
from tests.events.gateway import NoNames
from tests.events.phone import Exchange, Phone, Text
from tests.fakes import Network

ALICE, BOB = "sip:alice@sip.example.org", "sip:bob@sip.example.org"
ROMEO, ABROAD = "sip:romeo@jabber.example", "sip:juliet@example.com"
PASSWORDS = {"alice": "wonderland", "bob": "builder"}


class Behind:
    """Everybody behind the gate: writes down what comes, and answers 200."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, ...]] = []
        self.ours = False
        self.signed = False
        self.fault: Exception | None = None

    def _take(self, transaction, *what) -> None:
        self.seen.append(tuple(str(each) for each in what))
        if self.fault is not None:
            raise self.fault
        transaction.reply(200)

    def subscribe_received(self, transaction, request, watcher, presentity) -> None:
        self._take(transaction, "subscribe", watcher, presentity)

    def publish_received(self, transaction, request, sender, presentity) -> None:
        self._take(transaction, "publish", sender, presentity)

    def register_received(self, transaction, request, sender) -> None:
        self._take(transaction, "register", sender)

    def message_received(self, transaction, request, sender, recipient, leg) -> None:
        self._take(transaction, "message", sender, recipient, leg.value)

    def notify_received(self, transaction, request) -> bool:
        if self.ours:
            self._take(transaction, "notify")
        return self.ours

    def forward(self, transaction, request, target=None) -> None:
        self._take(transaction, "forward", request.uri, target or "-")

    def has_signed_route(self, request) -> bool:
        return self.signed


class Scene:
    """A gate on a user agent, and alice's phone."""

    def __init__(
        self,
        clock: Clock,
        *,
        digest: bool = True,
        trusted: tuple[str, ...] = (),
        bare: bool = False,
        domains: AbstractSet[str] = frozenset({"sip.example.org"}),
    ) -> None:
        self.network = Network(clock)
        self.behind = Behind()
        store = MemoryStore(clock)
        for name, password in PASSWORDS.items():
            store.accounts.put(make_account(Address(name, "sip.example.org"), password))
        self.dns: dict[str, Deferred[Evidence]] = {}
        directory = Directory(
            own_domains=domains,
            overrides={"jabber.example": "xmpp", "example.com": "sip:192.0.2.77", "plain.example": "sip"},
            discover=self._discover,
            clock=clock,
        )

        def realm_of(request) -> str:
            return address_from_sip(
                request.to.uri if request.method == "REGISTER" else request.from_.uri
            ).domain

        server = DigestServer(
            realm_of, lambda user, realm: hashes_of(store.accounts, user, realm), b"s" * 32, clock
        )
        behind = self.behind
        self.gate = Gate(
            own_domains=domains,
            is_ourselves=lambda host: host == "proxy.sip.example.org",
            directory=directory,
            address_of_uri=address_from_sip,
            digest=server if digest else None,
            trusted_peers=[ip_network(each) for each in trusted],
            subscriptions=behind,
            publications=behind,
            registrations=behind,
            notifications=None if bare else behind,
            messages=RegisteredUsers(store, behind) if bare else behind,
            proxy=None if bare else behind,
        )
        agent = UserAgent(
            transports=self.network.host("192.0.2.1"), dns=NoNames(), clock=clock, rng=self.network.rng
        )
        agent.look_first(self.gate)
        for method in ("SUBSCRIBE", "NOTIFY", "PUBLISH", "REGISTER", "MESSAGE"):
            agent.serve(method, self.gate)
        self.phone = Phone(self.network, "192.0.2.10", ALICE)

    async def _discover(self, domain: str) -> Evidence:
        return await self.dns[domain]

    def ask(self, method: str, uri: str, **more) -> Text:
        exchange = self.send(method, uri, **more)
        assert exchange.final is not None, "never answered"
        return exchange.final

    def send(self, method: str, uri: str, *, user: str = ALICE, **more) -> Exchange:
        self.phone.user = user
        exchange = self.phone.request(method, uri, **more)
        self.network.drive(0.1)
        return exchange

    def proved(
        self, method: str, uri: str, *, user: str = ALICE, name: str = "alice", password: str = "", **more
    ) -> Text:
        """The final answer after the challenge has been answered."""
        first = self.ask(method, uri, user=user, **more)
        if first.status != 401:
            return first
        challenge = next(value for value in first.all("WWW-Authenticate") if "MD5" in value)
        realm, nonce = (re.search(rf'{word}="([^"]*)"', challenge)[1] for word in ("realm", "nonce"))
        ha1 = hash_of(f"{name}:{realm}:{password or PASSWORDS[name]}")
        response = hash_of(f"{ha1}:{nonce}:00000001:c:auth:" + hash_of(f"{method}:{uri}"))
        authorization = (
            f'Authorization: Digest username="{name}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
            f'response="{response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c"\r\n'
        )
        more["headers"] = more.get("headers", "") + authorization
        return self.ask(method, uri, user=user, **more)


def hash_of(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


@pytest.fixture
def open_scene(clock: Clock) -> Scene:
    """Nothing has to be proved."""
    return Scene(clock, digest=False)


@pytest.fixture
def errors():
    found = []

    def observe(event):
        if event.get("log_level") in (LogLevel.critical, LogLevel.error):
            found.append(event)

    globalLogPublisher.addObserver(observe)
    yield found
    globalLogPublisher.removeObserver(observe)


# who sent it


@pytest.mark.parametrize(
    ("method", "uri", "seen"),
    [
        ("SUBSCRIBE", BOB, ("subscribe", "alice@sip.example.org", "bob@sip.example.org")),
        ("SUBSCRIBE", ROMEO, ("subscribe", "alice@sip.example.org", "romeo@jabber.example")),
        ("PUBLISH", ALICE, ("publish", "alice@sip.example.org", "alice@sip.example.org")),
        ("MESSAGE", ROMEO, ("message", "alice@sip.example.org", "romeo@jabber.example", "xmpp")),
        ("MESSAGE", BOB, ("message", "alice@sip.example.org", "bob@sip.example.org", "own")),
        ("SUBSCRIBE", ABROAD, ("forward", ABROAD, "sip:192.0.2.77")),
        ("INFO", ABROAD, ("forward", ABROAD, "sip:192.0.2.77")),
        ("MESSAGE", "sip:x@plain.example", ("forward", "sip:x@plain.example", "-")),
    ],
)
def test_an_own_user_who_proves_it_is_served(
    scene: Scene, method: str, uri: str, seen: tuple[str, ...]
) -> None:
    challenge = scene.ask(method, uri)
    assert challenge.status == 401 and "WWW-Authenticate" in challenge
    assert scene.behind.seen == []
    assert scene.proved(method, uri).status == 200
    assert scene.behind.seen == [seen]


def test_registering_proves_the_address_of_record(scene: Scene) -> None:
    uri = "sip:sip.example.org"
    assert scene.proved("REGISTER", uri, to=f"<{ALICE}>").status == 200
    assert scene.behind.seen == [("register", "alice@sip.example.org")]


def test_registering_somebody_elses_address_is_refused(scene: Scene) -> None:
    uri = "sip:sip.example.org"
    assert scene.proved("REGISTER", uri, to=f"<{BOB}>").status == 403
    assert scene.proved("REGISTER", uri, to=f"<{ABROAD}>").status == 403
    assert scene.behind.seen == []


def test_a_foreign_sender_is_refused_wherever_it_writes(scene: Scene) -> None:
    for uri in (BOB, ROMEO, ABROAD):
        assert scene.ask("SUBSCRIBE", uri, user="sip:stranger@evil.example").status == 403
    assert scene.behind.seen == []


def test_credentials_of_another_user_do_not_help(scene: Scene) -> None:
    for uri in (ROMEO, ABROAD):
        assert scene.proved("SUBSCRIBE", uri, user=BOB, name="alice").status == 403
    assert scene.behind.seen == []


def test_a_wrong_password_is_challenged_again_and_then_no_longer_heard(scene: Scene) -> None:
    statuses = [scene.proved("SUBSCRIBE", ROMEO, password="guess").status for _ in range(12)]
    assert statuses[0] == 401 and statuses[-1] == 403
    assert scene.behind.seen == []


def test_where_nothing_has_to_be_proved_the_sender_is_believed(open_scene: Scene) -> None:
    assert open_scene.ask("SUBSCRIBE", ROMEO, user=ABROAD).status == 200
    assert open_scene.behind.seen == [("subscribe", "juliet@example.com", "romeo@jabber.example")]


def test_a_trusted_peer_asserts_who_it_speaks_for(clock: Clock) -> None:
    scene = Scene(clock, trusted=("192.0.2.0/24",))
    asserted = 'P-Asserted-Identity: "Juliet" <sip:juliet@example.com>\r\n'
    assert scene.ask("SUBSCRIBE", ROMEO, headers=asserted).status == 200
    assert scene.ask("SUBSCRIBE", ROMEO, user=ABROAD).status == 200
    assert scene.behind.seen == [("subscribe", "juliet@example.com", "romeo@jabber.example")] * 2


def test_an_assertion_of_a_stranger_is_nothing(clock: Clock) -> None:
    scene = Scene(clock, trusted=("198.51.100.0/24",))
    asserted = f"P-Asserted-Identity: <{BOB}>\r\n"
    assert scene.ask("SUBSCRIBE", ROMEO, headers=asserted).status == 401
    assert scene.proved("SUBSCRIBE", ROMEO, headers=asserted).status == 200
    assert scene.behind.seen == [("subscribe", "alice@sip.example.org", "romeo@jabber.example")]


@pytest.mark.parametrize("uri", [BOB, ROMEO, ABROAD, "sip:x@unknown.example"])
@pytest.mark.parametrize("sender", ["http://example.com/", "sip:@example.com", "tel:+1555"])
def test_a_from_that_is_no_address_is_a_bad_request(
    scene: Scene, errors: list, uri: str, sender: str
) -> None:
    assert scene.ask("SUBSCRIBE", uri, user=sender).status == 400
    assert scene.behind.seen == [] and errors == []


def test_an_assertion_that_is_no_address_is_a_bad_request(clock: Clock, errors: list) -> None:
    scene = Scene(clock, trusted=("192.0.2.0/24",))
    for uri in (ROMEO, ABROAD):
        assert scene.ask("SUBSCRIBE", uri, headers="P-Asserted-Identity: <mailto:x@y>\r\n").status == 400
    assert errors == []


# publishing


def test_only_the_owner_publishes(open_scene: Scene) -> None:
    assert open_scene.ask("PUBLISH", BOB).status == 403
    assert open_scene.ask("PUBLISH", ALICE).status == 200


def test_a_trusted_peer_publishes_for_others(clock: Clock) -> None:
    scene = Scene(clock, trusted=("192.0.2.10/32",))
    assert scene.ask("PUBLISH", BOB).status == 200
    assert scene.behind.seen == [("publish", "alice@sip.example.org", "bob@sip.example.org")]


def test_nobody_publishes_for_a_jabber_user(open_scene: Scene) -> None:
    answer = open_scene.ask("PUBLISH", ROMEO, user=ROMEO)
    assert answer.status == 405 and "SUBSCRIBE" in answer["Allow"]


# whose it is


@pytest.mark.parametrize(
    ("uri", "to"), [("sips:romeo@jabber.example", ""), (ROMEO, "<sips:romeo@jabber.example>")]
)
def test_sips_is_not_bridged(open_scene: Scene, uri: str, to: str) -> None:
    assert open_scene.ask("SUBSCRIBE", uri, to=to).status == 416


@pytest.mark.parametrize(("uri", "status"), [("http://example.com/", 416), ("tel:+15551234", 404)])
def test_what_cannot_be_routed_is_told_apart(open_scene: Scene, uri: str, status: int) -> None:
    assert open_scene.ask("SUBSCRIBE", uri, to=f"<{ROMEO}>").status == status


@pytest.mark.parametrize("host", ["192.0.2.1", "proxy.sip.example.org"])
def test_a_request_to_the_server_itself_is_for_whom_it_is_addressed_to(open_scene: Scene, host: str) -> None:
    assert open_scene.ask("SUBSCRIBE", f"sip:{host}", to=f"<{ROMEO}>").status == 200
    assert open_scene.behind.seen == [("subscribe", "alice@sip.example.org", "romeo@jabber.example")]


def test_an_unknown_domain_is_looked_up_and_then_served(open_scene: Scene) -> None:
    open_scene.dns["new.example"] = looked_up = Deferred()
    exchange = open_scene.send("SUBSCRIBE", "sip:x@new.example")
    assert exchange.final is None
    looked_up.callback(Evidence(xmpp=("SRV",)))
    open_scene.network.drive(1)
    assert exchange.status == 200
    assert open_scene.behind.seen == [("subscribe", "alice@sip.example.org", "x@new.example")]


def test_an_unknown_domain_that_speaks_sip_is_forwarded_for_who_is_proved(scene: Scene) -> None:
    for _ in range(2):
        scene.dns["new.example"] = Deferred()
        scene.dns["new.example"].callback(Evidence(sip=("SRV",)))
        assert scene.proved("SUBSCRIBE", "sip:x@new.example").status == 200
    assert scene.ask("SUBSCRIBE", "sip:x@new.example", user="sip:m@evil.example").status == 403
    assert scene.behind.seen == [("forward", "sip:x@new.example", "-")] * 2


@pytest.mark.parametrize(
    ("evidence", "status"),
    [
        (Evidence(), 404),
        (Evidence(trouble="no server answers"), 480),
        (Unreachable("no server answers"), 480),
    ],
)
def test_a_domain_of_no_use_is_told_from_one_that_cannot_be_looked_up(
    open_scene: Scene, evidence: Evidence | Unreachable, status: int
) -> None:
    open_scene.dns["new.example"] = Deferred()
    if isinstance(evidence, Evidence):
        open_scene.dns["new.example"].callback(evidence)
    else:
        open_scene.dns["new.example"].errback(evidence)
    assert open_scene.ask("SUBSCRIBE", "sip:x@new.example").status == status
    assert open_scene.ask("MESSAGE", "sip:x@new.example").status == status


@pytest.mark.parametrize(
    ("fault", "status"), [(BadDocument("what a body"), 400), (RuntimeError("a bug"), 500)]
)
@pytest.mark.parametrize("uri", [ROMEO, "sip:x@new.example"])
def test_a_fault_behind_the_gate_is_answered(
    open_scene: Scene, errors: list, fault: Exception, status: int, uri: str
) -> None:
    open_scene.dns["new.example"] = Deferred()
    open_scene.dns["new.example"].callback(Evidence(xmpp=("SRV",)))
    open_scene.behind.fault = fault
    assert open_scene.ask("SUBSCRIBE", uri).status == status
    assert len(errors) == (status == 500)


# inside dialogs


def test_inside_a_dialog_the_to_header_names_the_presentity(open_scene: Scene) -> None:
    to = f"<{ROMEO}>;tag=x"
    assert open_scene.ask("SUBSCRIBE", "sip:192.0.2.1:5060", to=to).status == 200
    assert open_scene.ask("MESSAGE", ROMEO, to=to).status == 200
    assert open_scene.ask("PUBLISH", ROMEO, to=to).status == 481
    assert open_scene.behind.seen == [
        ("subscribe", "alice@sip.example.org", "romeo@jabber.example"),
        ("message", "alice@sip.example.org", "romeo@jabber.example", "xmpp"),
    ]


def test_a_request_along_a_signed_route_is_forwarded_unasked(scene: Scene) -> None:
    scene.behind.signed = True
    to = f"<{ABROAD}>;tag=x"
    assert scene.ask("NOTIFY", ABROAD, user="sip:m@example.com", to=to).status == 200
    assert scene.behind.seen == [("forward", ABROAD, "-")]


def test_a_request_inside_a_dialog_that_nobody_knows_is_not_forwarded(scene: Scene) -> None:
    to = f"<{ABROAD}>;tag=x"
    assert scene.ask("NOTIFY", ABROAD, user="sip:m@example.com", to=to).status == 481
    assert scene.ask("SUBSCRIBE", ABROAD, user="sip:m@example.com", to=to).status == 403
    assert scene.behind.seen == []


def test_a_notify_is_ours_or_nobodys(scene: Scene) -> None:
    assert scene.ask("NOTIFY", "sip:192.0.2.1", to=f"<{ROMEO}>;tag=x").status == 481
    scene.behind.ours = True
    assert scene.ask("NOTIFY", "sip:192.0.2.1", to=f"<{ROMEO}>;tag=x").status == 200
    assert scene.behind.seen == [("notify",)]


# what is not there


def test_a_server_without_other_legs_says_so(clock: Clock) -> None:
    scene = Scene(clock, digest=False, bare=True)
    assert scene.ask("SUBSCRIBE", ABROAD).status == 404
    assert scene.ask("MESSAGE", ROMEO).status == 404
    assert scene.ask("NOTIFY", "sip:192.0.2.1", to=f"<{ROMEO}>;tag=x").status == 481


def test_a_domain_that_comes_or_goes_while_the_gateway_runs_is_looked_at_anew(clock: Clock) -> None:
    domains = {"sip.example.org", "plain.example"}
    scene = Scene(clock, digest=False, domains=domains)
    romeo = "sip:romeo@plain.example"
    assert scene.ask("SUBSCRIBE", romeo, headers="Event: presence\r\n").status == 200
    domains.remove("plain.example")
    assert scene.ask("SUBSCRIBE", romeo, headers="Event: presence\r\n").status == 200
    domains.add("plain.example")
    assert scene.ask("SUBSCRIBE", romeo, headers="Event: presence\r\n").status == 200
    assert [what for what, *_ in scene.behind.seen] == ["subscribe", "forward", "subscribe"]
