"""Questions to the addresses of a component domain: every one is answered.

What is not in the table gets ``service-unavailable``, which also says nothing about whether a contact exists.  Results
and errors are answers to questions of our own: ``Asking`` gives them to whoever asked, and the pings of the link end here.

Implements: RFC 6120 section 8.2.3; XEP-0012; XEP-0030; XEP-0054; XEP-0092; XEP-0115; XEP-0199; XEP-0202.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from types import MappingProxyType
from typing import Final

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from sip2xmpp import __version__
from sip2xmpp.xmpp import namespaces as ns
from sip2xmpp.xmpp.commands import Commands
from sip2xmpp.xmpp.disco import capabilities_of
from sip2xmpp.xmpp.reading import children, read_error
from sip2xmpp.xmpp.stanza_errors import StanzaRefused, stanza_error
from sip2xmpp.xmpp.stanzas import error_stanza, iq_stanza
from sip2xmpp.xmpp.texts import quote
from sip2xmpp.xmpp.times import stamp
from sip2xmpp.xmpp.vcards import VCard, vcard_element

log = Logger()

GATEWAY_CARD: Final = VCard(full_name="sip2xmpp", description="A presence gateway between SIP and XMPP")

ANSWER_SECONDS: Final = 30.0
"""How long an answer to a question of our own is waited for."""

MOST_QUESTIONS: Final = 1_000
"""Questions of our own that may be open at once."""

Question = Callable[[Element, Element], str | Deferred[str]]
"""Takes the IQ and the element inside, gives the payload of the result, and refuses by ``StanzaRefused``."""

Questions = Mapping[tuple[str, str, str], Question]
"""What is answered, by type (get or set), namespace and name."""

CardOf = Callable[[str, str], Deferred[VCard | None]]
"""Gives the card of a bare JID of ours for whoever asks, a full JID; None when there is none for that one."""


def no_card(*_: str) -> Deferred[VCard | None]:
    """Nothing is known of anybody."""
    return succeed(None)


@dataclass(slots=True, eq=False)
class _Asked:
    """A question of ours that waits for its answer."""

    goal: str
    answer: Deferred[Element]
    end: IDelayedCall


class Asking:
    """Questions of our own to Jabber users and servers.  ``send`` says whether a stanza was sent."""

    def __init__(self, send: Callable[[str], bool], clock: IReactorTime) -> None:
        self._send = send
        self._clock = clock
        self._open: dict[str, _Asked] = {}

    def ask(self, sender: str, goal: str, type_: str, payload: str) -> Deferred[Element]:
        """The result; fails with ``StanzaRefused``: what the other side says, or that it says nothing."""
        if len(self._open) >= MOST_QUESTIONS:
            return fail(StanzaRefused("resource-constraint", "too many questions are open"))
        id_ = f"ask-{token_hex(8)}"
        if not self._send(iq_stanza(sender, goal, type_, id_, payload)):
            return fail(StanzaRefused("remote-server-timeout", "the link is down"))
        answer: Deferred[Element] = Deferred()
        self._open[id_] = _Asked(goal, answer, self._clock.callLater(ANSWER_SECONDS, self._silent, id_))
        return answer

    def answered(self, iq: Element) -> None:
        """Take a result or an error; one that nobody waits for, or from somebody else, is dropped."""
        id_ = iq.attributes.get("id", "")
        asked = self._open.get(id_)
        if asked is None or asked.goal != iq.attributes["from"]:
            return
        del self._open[id_]
        asked.end.cancel()
        if iq.attributes.get("type") == "result":
            asked.answer.callback(iq)
        else:
            error = read_error(iq)
            asked.answer.errback(StanzaRefused(error.condition, error.text, type_=error.type))

    def _silent(self, id_: str) -> None:
        self._open.pop(id_).answer.errback(StanzaRefused("remote-server-timeout", "there was no answer"))


class Answers:
    """Answers the IQ stanzas of one domain.  ``now`` is Unix time; the domain's uptime counts from construction.

    ``more`` are questions that others answer, ``commands`` what can be run here, ``asking`` waits for answers.
    """

    def __init__(
        self,
        *,
        send: Callable[[str], object],
        now: Callable[[], float],
        card_of: CardOf = no_card,
        more: Questions = MappingProxyType({}),
        commands: Commands | None = None,
        asking: Asking | None = None,
    ) -> None:
        self._send = send
        self._now = now
        self._card_of = card_of
        self._commands = commands
        self._asking = asking
        self._started = now()
        self._questions: dict[tuple[str, str, str], Question] = {
            ("get", ns.DISCO_INFO, "query"): self._info,
            ("get", ns.DISCO_ITEMS, "query"): self._items,
            ("get", ns.PING, "ping"): lambda *_: "",
            ("get", ns.VERSION, "query"): self._version,
            ("get", ns.LAST, "query"): self._last,
            ("get", ns.TIME, "time"): self._time,
            ("get", ns.VCARD, "vCard"): self._card,
            ("set", ns.VCARD, "vCard"): self._refuse_card,
            **({("set", ns.COMMANDS, "command"): self._command} if commands is not None else {}),
            **more,
        }

    def iq_received(self, iq: Element) -> None:
        """Answer; raises ``StanzaRefused`` for what is refused at once."""
        kind = iq.attributes.get("type")
        if kind in ("result", "error"):
            if self._asking is not None:
                self._asking.answered(iq)
            return
        payloads = list(children(iq))
        if kind not in ("get", "set") or len(payloads) != 1 or "id" not in iq.attributes:
            raise StanzaRefused("bad-request", "an IQ has an id, type get or set, and one element inside")
        question = self._questions.get((kind, payloads[0].uri, payloads[0].name))
        if question is None:
            raise StanzaRefused("service-unavailable")
        answer = question(iq, payloads[0])
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

    def _info(self, iq: Element, query: Element) -> str:
        asked, node = iq.attributes["to"], query.attributes.get("node")
        known = capabilities_of(asked, node)
        if known is not None:
            return known.info(node)
        told = None
        if self._commands is not None and node is not None and _is_domain(asked):
            told = self._commands.info(iq.attributes["from"], node)
        if told is None:
            raise StanzaRefused("item-not-found")
        return told

    def _items(self, iq: Element, query: Element) -> str:
        asked, node = iq.attributes["to"], query.attributes.get("node")
        if node is None:
            return f"<query xmlns='{ns.DISCO_ITEMS}'/>"
        if node == ns.COMMANDS and self._commands is not None and _is_domain(asked):
            return self._commands.items(iq.attributes["from"], asked)
        if capabilities_of(asked, node) is None:
            raise StanzaRefused("item-not-found")
        return f"<query xmlns='{ns.DISCO_ITEMS}' node='{quote(node)}'/>"

    def _command(self, iq: Element, asked: Element) -> Deferred[str]:
        _only_domain(iq)
        assert self._commands is not None
        return self._commands.received(iq, asked)

    def _version(self, iq: Element, _: Element) -> str:
        _only_domain(iq)
        return f"<query xmlns='{ns.VERSION}'><name>sip2xmpp</name><version>{__version__}</version></query>"

    def _last(self, iq: Element, _: Element) -> str:
        _only_domain(iq)
        return f"<query xmlns='{ns.LAST}' seconds='{int(self._now() - self._started)}'/>"

    def _time(self, iq: Element, _: Element) -> str:
        _only_domain(iq)
        now = datetime.fromtimestamp(int(self._now()), UTC)
        return f"<time xmlns='{ns.TIME}'><tzo>+00:00</tzo><utc>{stamp(now)}</utc></time>"

    def _card(self, iq: Element, _: Element) -> str | Deferred[str]:
        asked = iq.attributes["to"].partition("/")[0]
        if "@" not in asked:
            return vcard_element(GATEWAY_CARD)
        return self._card_of(asked, iq.attributes["from"]).addCallback(vcard_element)

    def _refuse_card(self, *_: object) -> str:
        raise StanzaRefused("forbidden", "the card of a SIP user is not changed from here")


def _is_domain(asked: str) -> bool:
    return "@" not in asked and "/" not in asked


def _only_domain(iq: Element) -> None:
    """Refuse a question that a contact's own device would have to answer."""
    if not _is_domain(iq.attributes["to"]):
        raise StanzaRefused("service-unavailable")
