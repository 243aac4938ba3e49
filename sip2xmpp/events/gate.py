"""The gate: every SIP request from outside passes here before anybody acts on it.

Three questions are answered in this order.  *Who sent it?*  A trusted peer may assert an identity (P-Asserted-Identity,
else From); everybody else must prove one of our own addresses by digest; a foreign address without proof is refused.
*Whose is it?*  The address in the Request-URI, encapsulated forms undone, and the leg of its domain from the directory.
*Who acts?*  SUBSCRIBE goes to the notifier, PUBLISH to the compositor, REGISTER to the registrar, MESSAGE to messages, and
whatever belongs to another SIP domain to the proxy: SIP stays SIP, but only for those who have proved who they are.

Requests inside a dialog need no directory: those of our own dialogs are known by Call-ID and tags, and those of dialogs that
the proxy has record-routed carry its signed Route, which nobody else can make.

Implements: RFC 3261 sections 8.2 and 22; RFC 3325 (asserted identity from trusted peers); RFC 7247 section 4.
"""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sip2xmpp.address import CACHE_SIZE, CACHED_LENGTH, Address
from sip2xmpp.errors import BadAddress, BadInput
from sip2xmpp.presence.directory import OUR_OWN, Directory, Finding, Leg
from sip2xmpp.sip.authentication import Challenge, DigestServer, Verified
from sip2xmpp.sip.headers import NameAddr
from sip2xmpp.sip.message import Request
from sip2xmpp.sip.server_transaction import ServerTransaction

Network = IPv4Network | IPv6Network


class Subscriptions(Protocol):
    """The notifier: SUBSCRIBE inside and outside of dialogs."""

    def subscribe_received(
        self, transaction: ServerTransaction, request: Request, watcher: Address, presentity: Address
    ) -> None: ...


class Publications(Protocol):
    """The event state compositor."""

    def publish_received(
        self, transaction: ServerTransaction, request: Request, sender: Address, presentity: Address
    ) -> None: ...


class Registrations(Protocol):
    """The registrar."""

    def register_received(
        self, transaction: ServerTransaction, request: Request, sender: Address
    ) -> None: ...


class Notifications(Protocol):
    """The subscriber: NOTIFYs of subscriptions that we made; False when the dialog is not ours."""

    def notify_received(self, transaction: ServerTransaction, request: Request) -> bool: ...


class Messages(Protocol):
    """Pager-mode messages for our users and for Jabber users."""

    def message_received(
        self, transaction: ServerTransaction, request: Request, sender: Address, recipient: Address, leg: Leg
    ) -> None: ...


class Proxy(Protocol):
    """The way to other SIP domains."""

    def forward(
        self, transaction: ServerTransaction, request: Request, target: str | None = None
    ) -> None: ...

    def has_signed_route(self, request: Request) -> bool: ...


class Gate:
    """Serves all methods.  ``is_ourselves`` knows the host parts that mean this server itself, beside ``own_domains``."""

    log = Logger()

    def __init__(
        self,
        *,
        own_domains: AbstractSet[str],
        is_ourselves: Callable[[str], bool],
        directory: Directory,
        address_of_uri: Callable[[str], Address],
        digest: DigestServer | None,
        trusted_peers: Sequence[Network],
        subscriptions: Subscriptions,
        publications: Publications,
        registrations: Registrations,
        notifications: Notifications | None,
        messages: Messages,
        proxy: Proxy | None,
        may_publish: Callable[[Address, Address, Request], bool] = lambda *_: False,
    ) -> None:
        """``may_publish(sender, presentity, request)`` says who may publish for somebody else, beside trusted peers."""
        self._own_domains = own_domains
        self._is_ourselves = is_ourselves
        self._directory = directory
        self._address_of_uri = address_of_uri
        self._digest = digest
        self.trust(trusted_peers)
        self._subscriptions = subscriptions
        self._publications = publications
        self._registrations = registrations
        self._notifications = notifications
        self._messages = messages
        self._proxy = proxy
        self._may_publish = may_publish
        self._short_address = lru_cache(maxsize=CACHE_SIZE)(self._read_address)

    def trust(self, peers: Sequence[Network]) -> None:
        """Let these skip digest and assert identities, and nobody else."""
        self._trusted = tuple(peers)

    def takes(self, transaction: ServerTransaction, request: Request) -> bool:
        """Take what belongs to another SIP domain, of whatever method, before it is looked at as a request for us."""
        if self._proxy is None or request.method in ("REGISTER", "OPTIONS"):
            return False
        if request.ends.to_tag is not None:
            if self._proxy.has_signed_route(request):
                self._proxy.forward(transaction, request)
                return True
            return False
        if self._own_address(request.uri) is not None:
            return False
        try:
            domain = self._address_of_uri(request.uri).domain
        except BadAddress:
            return False
        if domain in self._own_domains or self._means_us(domain, request):
            return False
        finding = self._directory.find(domain, Leg.SIP)
        if finding is None or finding.leg is not Leg.SIP:
            return False
        try:
            if self._sender(transaction, request) is not None:
                self._to_other_domain(transaction, request, finding)
        except BadInput as bad:
            transaction.reply(400, str(bad))
        return True

    def request_received(self, transaction: ServerTransaction, request: Request) -> None:
        """Answer the three questions; every way through here ends in a response."""
        method, ends = request.method, request.ends
        if method == "NOTIFY":
            ours = self._notifications
            if ours is None or not ours.notify_received(transaction, request):
                transaction.reply(481)
            return
        if ends.to_uri[:5].lower() == "sips:" or request.uri[:5].lower() == "sips:":
            transaction.reply(416, "SIPS is not bridged")
            return
        try:
            sender = self._sender(transaction, request)
            if sender is None:
                return
            if method == "REGISTER":
                self._registrations.register_received(transaction, request, sender)
            elif ends.to_tag is not None:
                self._in_dialog(transaction, request, sender)
            else:
                self._by_address(transaction, request, sender)
        except BadInput as bad:
            transaction.reply(400, str(bad))

    # Who sent it?

    def _sender(self, transaction: ServerTransaction, request: Request) -> Address | None:
        """The proved identity, or None when a response has been sent instead."""
        claimed = self._address_of_uri(request.ends.from_uri)
        if self._trusted and self._is_trusted(request):
            asserted = request.headers.get("P-Asserted-Identity")
            return self._address_of_uri(NameAddr.parse(asserted).uri) if asserted else claimed
        if self._digest is None:
            return claimed
        owner = self._address_of_uri(request.ends.to_uri) if request.method == "REGISTER" else claimed
        if owner.domain not in self._own_domains:
            transaction.reply(403, "Only our own users and trusted peers are served")
            return None
        verdict = self._digest.check(request)
        if isinstance(verdict, Verified):
            proved = Address.parse(f"{verdict.username}@{verdict.realm}")
            if proved == owner:
                return owner
            transaction.reply(403, "These credentials belong to somebody else")
        elif isinstance(verdict, Challenge):
            transaction.reply(verdict.status, headers=verdict.headers)
        else:
            transaction.reply(verdict.status, verdict.reason)
        return None

    def _is_trusted(self, request: Request) -> bool:
        if not self._trusted or request.flow is None:
            return False
        peer = ip_address(request.flow.peer.host)
        return any(peer in network for network in self._trusted)

    # Whose is it, and who acts?

    def _means_us(self, host: str, request: Request) -> bool:
        """Whether a host part is this server's: configured, or the very address that the request came to."""
        flow = request.flow
        return self._is_ourselves(host) or (flow is not None and host.strip("[]") == flow.local.host)

    def _in_dialog(self, transaction: ServerTransaction, request: Request, sender: Address) -> None:
        if request.method == "SUBSCRIBE":
            self._subscriptions.subscribe_received(
                transaction, request, sender, self._address_of_uri(request.ends.to_uri)
            )
        elif request.method == "MESSAGE":
            self._by_address(transaction, request, sender)
        else:
            transaction.reply(481)

    def _own_address(self, uri: str) -> Address | None:
        """The address that a Request-URI names, if it is of one of our own domains, which most requests are for."""
        address = self._short_address(uri) if len(uri) <= CACHED_LENGTH else self._read_address(uri)
        # which domains are ours may change, so that is not remembered
        return address if address is not None and address.domain in self._own_domains else None

    def _read_address(self, uri: str) -> Address | None:
        try:
            return self._address_of_uri(uri)
        except BadAddress:
            return None

    def _by_address(self, transaction: ServerTransaction, request: Request, sender: Address) -> None:
        own = self._own_address(request.uri)
        if own is not None:
            self._dispatch(transaction, request, sender, own, OUR_OWN)
            return
        try:
            presentity = self._address_of_uri(request.uri)
        except BadAddress as bad:
            transaction.reply(
                404 if request.uri[:4].lower() in ("sip:", "pres", "tel:", "im:") else 416, str(bad)
            )
            return
        if presentity.domain not in self._own_domains and self._means_us(presentity.domain, request):
            presentity = self._address_of_uri(request.ends.to_uri)
        finding = self._directory.find(presentity.domain, Leg.SIP)
        if finding is not None:
            self._dispatch(transaction, request, sender, presentity, finding)
            return
        Deferred.fromCoroutine(self._dispatch_later(transaction, request, sender, presentity)).addErrback(
            self._not_routed, transaction
        )

    async def _dispatch_later(
        self, transaction: ServerTransaction, request: Request, sender: Address, presentity: Address
    ) -> None:
        finding = await self._directory.settled(presentity.domain, Leg.SIP)
        try:
            self._dispatch(transaction, request, sender, presentity, finding)
        except BadInput as bad:
            transaction.reply(400, str(bad))

    def _not_routed(self, failure: Failure, transaction: ServerTransaction) -> None:
        self.log.failure("a {method} could not be routed", failure, method=transaction.request.method)
        transaction.reply(500)

    def _dispatch(
        self,
        transaction: ServerTransaction,
        request: Request,
        sender: Address,
        presentity: Address,
        finding: Finding,
    ) -> None:
        method, leg = request.method, finding.leg
        if leg is None:
            trouble = finding.evidence is not None and finding.evidence.trouble
            transaction.reply(480 if trouble else 404, f"{presentity.domain} {finding.why}")
        elif leg is Leg.SIP:
            self._to_other_domain(transaction, request, finding)
        elif method == "SUBSCRIBE":
            self._subscriptions.subscribe_received(transaction, request, sender, presentity)
        elif method == "MESSAGE":
            self._messages.message_received(transaction, request, sender, presentity, leg)
        elif method == "PUBLISH" and leg is Leg.OWN:
            self._publish(transaction, request, sender, presentity)
        else:
            transaction.reply(405, headers=[("Allow", "SUBSCRIBE, MESSAGE, OPTIONS")])

    def _publish(
        self, transaction: ServerTransaction, request: Request, sender: Address, presentity: Address
    ) -> None:
        if (
            sender == presentity
            or self._is_trusted(request)
            or self._may_publish(sender, presentity, request)
        ):
            self._publications.publish_received(transaction, request, sender, presentity)
        else:
            transaction.reply(403, "Only the owner may publish")

    def _to_other_domain(self, transaction: ServerTransaction, request: Request, finding: Finding) -> None:
        if self._proxy is None:
            transaction.reply(404, "This domain is not served here")
        else:
            self._proxy.forward(transaction, request, finding.target or None)
