"""The XMPP package as a program of its own: component links whose contacts do what users tell them by message.

It prints one JSON object a line for everything that the listeners are told.  A contact approves every subscription and
shows itself online with its capabilities, asks back when told ``befriend``, takes any other message but an empty one as
its new status, and says it to the sender.

Run as ``python -m tests.xmpp.small_component PORT SECRET DOMAIN...``.
"""

import json
import sys
from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.logger import LogEvent, formatEvent, globalLogBeginner

from sip2xmpp.xmpp.availability import Availability
from sip2xmpp.xmpp.disco import CONTACT
from sip2xmpp.xmpp.inbound import Inbound
from sip2xmpp.xmpp.iq import Answers
from sip2xmpp.xmpp.link import ComponentLink, Timing
from sip2xmpp.xmpp.links import Links
from sip2xmpp.xmpp.messages import ChatMessage
from sip2xmpp.xmpp.stanzas import message_stanza, presence_stanza
from sip2xmpp.xmpp.vcards import VCard

FAST = Timing(
    first_retry=0.1,
    longest_retry=1.0,
    refused_retry=0.5,
    settled=1.0,
    handshake=5.0,
    keep_alive=0.5,
    ping_timeout=2.0,
)


def tell(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, **fields}, default=str), flush=True)


class Contacts:
    """Every local part of every domain."""

    def __init__(self, links: Links) -> None:
        self._links = links

    def link_up(self, domain: str) -> None:
        tell("link_up", domain=domain)

    def link_down(self, domain: str, why: str) -> None:
        tell("link_down", domain=domain, why=why)

    def subscribe(self, sender: str, recipient: str, **_: object) -> None:
        tell("subscribe", sender=sender, recipient=recipient)
        self._links.reply(presence_stanza(recipient, sender, type_="subscribed"))
        self._show(recipient, sender, Availability())

    def subscribed(self, sender: str, recipient: str, **_: object) -> None:
        tell("subscribed", sender=sender, recipient=recipient)
        self._show(recipient, sender, Availability())

    def unsubscribe(self, sender: str, recipient: str, **_: object) -> None:
        tell("unsubscribe", sender=sender, recipient=recipient)

    def unsubscribed(self, sender: str, recipient: str, **_: object) -> None:
        tell("unsubscribed", sender=sender, recipient=recipient)

    def probe(self, sender: str, recipient: str, **_: object) -> None:
        tell("probe", sender=sender, recipient=recipient)

    def available(self, sender: str, recipient: str, availability: Availability) -> None:
        tell("available", sender=sender, recipient=recipient, said=repr(availability))

    def unavailable(self, sender: str, recipient: str, availability: Availability) -> None:
        tell("unavailable", sender=sender, recipient=recipient, said=repr(availability))

    def error(self, sender: str, recipient: str, error: object, **_: object) -> None:
        tell("error", sender=sender, recipient=recipient, error=repr(error))

    def pep(self, sender: str, recipient: str, kind: Any, value: object) -> None:
        tell("pep", sender=sender, recipient=recipient, kind=kind.name, value=repr(value))

    def message(self, message: ChatMessage) -> None:
        tell("message", sender=message.sender, recipient=message.recipient, body=message.body)
        sender = message.sender.partition("/")[0]
        contact = message.recipient.partition("/")[0]
        if message.body == "befriend":
            self._links.reply(presence_stanza(contact, sender, type_="subscribe"))
        elif message.body == "fault":
            raise KeyError("asked to")
        elif message.body == "garbage":
            dirty = "bell \x07, half \ud83d, null \x00, end"
            self._show(contact, sender, Availability(statuses=(("en", dirty),)))
            self._links.reply(
                message_stanza(ChatMessage(sender=contact, recipient=sender, bodies=(("", dirty),)))
            )
            self._links.reply(f"<presence from='{contact}' to='{sender}'><status>\x01</status></presence>")
            self._links.reply(f"<presence from='bob@elsewhere.example' to='{sender}'/>")
        elif message.body:
            self._show(contact, sender, Availability(statuses=(("en", message.body),)))

    def message_error(self, message: ChatMessage) -> None:
        tell("message_error", sender=message.sender, recipient=message.recipient, error=repr(message.error))

    def _show(self, contact: str, to: str, availability: Availability) -> None:
        self._links.reply(presence_stanza(f"{contact}/phone", to, availability, caps=CONTACT.element))


def card_of(jid: str, _: str) -> "Deferred[VCard | None]":
    return succeed(VCard(full_name=f"Card of {jid}") if jid.startswith("bob@") else None)


def log(event: LogEvent) -> None:
    tell("log", level=event["log_level"].name, text=formatEvent(event))


def main(port: int, secret: str, domains: list[str]) -> None:
    reactor: Any = installed_reactor
    globalLogBeginner.beginLoggingTo([log], redirectStandardIO=False)
    links = Links(
        ComponentLink(
            domain=domain,
            secret=secret,
            endpoint=TCP4ClientEndpoint(reactor, "127.0.0.1", port, timeout=2),
            clock=reactor,
            timing=FAST,
        )
        for domain in domains
    )
    contacts = Contacts(links)
    answers = Answers(send=links.reply, now=reactor.seconds, card_of=card_of)
    inbound = Inbound(
        send=links.reply,
        presence=contacts,
        messages=contacts,
        answer_iq=answers.iq_received,
        now=reactor.seconds,
    )
    for link in links:
        link.attach(receive=inbound.stanza_received, listener=contacts)
    service = links.service()
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()
    tell("stopped", connected=sum(link.counters.connected for link in links))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
