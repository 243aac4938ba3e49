"""Questions to the addresses of a component domain: every one is answered.

What is not in the table gets ``service-unavailable``, which also says nothing about whether a contact exists.  Results
and errors are answers to questions of our own (only pings of the link) and end here.

Implements: RFC 6120 section 8.2.3; XEP-0012; XEP-0030; XEP-0054; XEP-0092; XEP-0115; XEP-0199; XEP-0202.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from sip2xmpp import __version__
from sip2xmpp.xmpp import namespaces as ns
from sip2xmpp.xmpp.disco import capabilities_of
from sip2xmpp.xmpp.reading import children
from sip2xmpp.xmpp.stanza_errors import StanzaRefused, stanza_error
from sip2xmpp.xmpp.stanzas import error_stanza, iq_stanza
from sip2xmpp.xmpp.texts import quote
from sip2xmpp.xmpp.times import stamp
from sip2xmpp.xmpp.vcards import VCard, vcard_element

log = Logger()

GATEWAY_CARD: Final = VCard(full_name="sip2xmpp", description="A presence gateway between SIP and XMPP")

CardOf = Callable[[str], Deferred[VCard | None]]
"""Gives the card of a bare JID of ours, or None when there is none."""


def no_card(_: str) -> Deferred[VCard | None]:
    """Nothing is known of anybody."""
    return succeed(None)


class Answers:
    """Answers the IQ stanzas of one domain.  ``now`` is Unix time; the domain's uptime counts from construction."""

    def __init__(
        self,
        *,
        send: Callable[[str], object],
        now: Callable[[], float],
        card_of: CardOf = no_card,
    ) -> None:
        self._send = send
        self._now = now
        self._card_of = card_of
        self._started = now()
        self._questions: dict[tuple[str, str, str], Callable[[str, Element], str | Deferred[str]]] = {
            ("get", ns.DISCO_INFO, "query"): self._info,
            ("get", ns.DISCO_ITEMS, "query"): self._items,
            ("get", ns.PING, "ping"): lambda *_: "",
            ("get", ns.VERSION, "query"): self._version,
            ("get", ns.LAST, "query"): self._last,
            ("get", ns.TIME, "time"): self._time,
            ("get", ns.VCARD, "vCard"): self._card,
            ("set", ns.VCARD, "vCard"): self._refuse_card,
        }

    def iq_received(self, iq: Element) -> None:
        """Answer; raises ``StanzaRefused`` for what is refused at once."""
        kind = iq.attributes.get("type")
        if kind in ("result", "error"):
            return
        payloads = list(children(iq))
        if kind not in ("get", "set") or len(payloads) != 1 or "id" not in iq.attributes:
            raise StanzaRefused("bad-request", "an IQ has an id, type get or set, and one element inside")
        question = self._questions.get((kind, payloads[0].uri, payloads[0].name))
        if question is None:
            raise StanzaRefused("service-unavailable")
        answer = question(iq.attributes["to"], payloads[0])
        if isinstance(answer, Deferred):
            answer.addCallbacks(self._result, self._fault, callbackArgs=(iq,), errbackArgs=(iq,))
        else:
            self._result(answer, iq)

    def _result(self, payload: str, iq: Element) -> None:
        to = iq.attributes
        self._send(iq_stanza(to["to"], to["from"], "result", to["id"], payload))

    def _fault(self, failure: Failure, iq: Element) -> None:
        if isinstance(failure.value, StanzaRefused):
            error = failure.value.error
        else:
            log.failure("while answering an IQ", failure)
            error = stanza_error("internal-server-error")
        to = iq.attributes
        self._send(error_stanza("iq", to["to"], to["from"], error, id_=to["id"]))

    def _info(self, asked: str, query: Element) -> str:
        node = query.attributes.get("node")
        known = capabilities_of(asked, node)
        if known is None:
            raise StanzaRefused("item-not-found")
        return known.info(node)

    def _items(self, asked: str, query: Element) -> str:
        node = query.attributes.get("node")
        if node is None:
            return f"<query xmlns='{ns.DISCO_ITEMS}'/>"
        if capabilities_of(asked, node) is None:
            raise StanzaRefused("item-not-found")
        return f"<query xmlns='{ns.DISCO_ITEMS}' node='{quote(node)}'/>"

    def _version(self, asked: str, _: Element) -> str:
        _only_domain(asked)
        return f"<query xmlns='{ns.VERSION}'><name>sip2xmpp</name><version>{__version__}</version></query>"

    def _last(self, asked: str, _: Element) -> str:
        _only_domain(asked)
        return f"<query xmlns='{ns.LAST}' seconds='{int(self._now() - self._started)}'/>"

    def _time(self, asked: str, _: Element) -> str:
        _only_domain(asked)
        now = datetime.fromtimestamp(int(self._now()), UTC)
        return f"<time xmlns='{ns.TIME}'><tzo>+00:00</tzo><utc>{stamp(now)}</utc></time>"

    def _card(self, asked: str, _: Element) -> str | Deferred[str]:
        if "@" not in asked.partition("/")[0]:
            return vcard_element(GATEWAY_CARD)
        return self._card_of(asked.partition("/")[0]).addCallback(vcard_element)

    def _refuse_card(self, *_: object) -> str:
        raise StanzaRefused("forbidden", "the card of a SIP user is not changed from here")


def _only_domain(asked: str) -> None:
    """Refuse a question that a contact's own device would have to answer."""
    if "@" in asked or "/" in asked:
        raise StanzaRefused("service-unavailable")
