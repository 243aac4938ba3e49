"""The gateway's own addresses as a whole, in memory: registration, commands and roster help, joined as in the gateway itself."""

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.bridge.contacts import Contacts, Realm
from sip2xmpp.bridge.outbox import Outbox
from sip2xmpp.bridge.pacing import Pace
from sip2xmpp.bridge.presentities import XmppPresentities
from sip2xmpp.bridge.watchers import JabberWatchers
from sip2xmpp.config import read
from sip2xmpp.gateway_side import GatewaySide, gateway_side
from sip2xmpp.own_side import OwnSide, own_side
from sip2xmpp.presence.directory import Directory, Evidence
from sip2xmpp.presence.policy import Handling
from sip2xmpp.store.accounts import make_account
from sip2xmpp.xmpp.inbound import Inbound
from sip2xmpp.xmpp.iq import Answers
from sip2xmpp.xmpp.parsing import parse_stanza
from sip2xmpp.xmpp.registration import registration_questions
from tests.bridge.scene import SlowStore, Wire, local

SIP, GATEWAY = "sip.example.org", "gw.example.org"
ROMEO, ADMIN = "romeo@jabber.example", "admin@jabber.example"
ALICE, BOB, WEATHER = f"alice@{SIP}", f"bob@{SIP}", f"weather@{SIP}"
REGISTER, COMMANDS = "jabber:iq:register", "http://jabber.org/protocol/commands"


class TellingWire(Wire):
    """Also stands for ``Links.reply``."""

    def reply(self, xml: str) -> bool:
        return self.send(xml, "")


class Nobody:
    """A message listener that nobody writes to."""

    def message(self, message: object) -> None:
        raise AssertionError(message)

    message_error = message


class Desk:
    """One gateway.  ``store`` is that of the process before it."""

    def __init__(
        self,
        clock: Clock,
        store: SlowStore | None = None,
        *,
        default: Handling = Handling.CONFIRM,
        allowed: tuple[str, ...] = (),
    ) -> None:
        self.clock = clock
        self.store = store or SlowStore(clock)
        self.wire = TellingWire()
        self.asked_dns: list[str] = []
        config = read(
            {
                "sip": {"domains": [SIP]},
                "presence": {"default": default.value},
                "xmpp": {
                    "secret": "s",
                    "domains": [SIP],
                    "gateway_domain": GATEWAY,
                    "operators": [ADMIN],
                    "allowed_domains": list(allowed),
                },
            },
            Path(),
            {},
        )
        xmpp = config.xmpp
        assert xmpp is not None
        self.own: OwnSide = own_side(config, self.store, clock)
        addressing = Addressing([SIP], GATEWAY, self.store.spellings)
        self.addressing = addressing
        pace = Pace(clock)
        outbox = Outbox(self.wire, self.store)  # type: ignore[arg-type]
        directory = Directory(
            own_domains=frozenset({SIP}),
            overrides={"jabber.example": "xmpp", "inner.example": "sip:10.0.0.1"},
            discover=self.discover,
            clock=clock,
        )
        self.watchers = JabberWatchers(
            store=self.store, outbox=outbox, back_end=self.own.presence, clock=clock, pace=pace
        )
        realm = Realm(allowed, addressing)
        links: Any = self.wire
        self.side: GatewaySide = gateway_side(
            xmpp,
            self.store,
            clock,
            links=links,
            addressing=addressing,
            directory=directory,
            realm=realm,
            pace=pace,
            own=self.own,
            outbox=outbox,
            watchers=self.watchers,
        )
        self.contacts = Contacts(
            store=self.store,
            realm=realm,
            addressing=addressing,
            watchers=self.watchers,
            presentities=XmppPresentities(
                store=self.store, outbox=outbox, addressing=addressing, clock=clock, pace=pace
            ),
            gateway=self.side.contact,
            lost=self.side.rosters.link_down,
        )
        answers = Answers(
            send=self.wire.reply,
            now=clock.seconds,
            more=registration_questions(self.side.registrants),
            commands=self.side.commands,
            asking=self.side.asking,
        )
        self.inbound = Inbound(
            send=self.wire.reply,
            presence=self.contacts,
            messages=Nobody(),  # type: ignore[arg-type]
            answer_iq=answers.iq_received,
            now=clock.seconds,
            granted=self.side.rosters.granted,
        )

    async def discover(self, domain: str) -> Evidence:
        self.asked_dns.append(domain)
        return Evidence(sip=("SRV _sip._udp",), addresses=("address 192.0.2.1",))

    def account(self, address: str = BOB, password: str = "builder") -> None:
        self.store.accounts.put(make_account(Address.parse(address), password))

    # what Jabber users send

    def take(self, xml: str) -> None:
        self.inbound.stanza_received(parse_stanza(xml))

    def soon(self) -> None:
        """Let everything that waits for its turn have it."""
        for _ in range(5):
            self.clock.advance(0.01)

    def iq(self, type_: str, payload: str, who: str = f"{ROMEO}/orchard", to: str = GATEWAY) -> Element:
        """The answer, once it is there; what else was said stays on the wire."""
        self.take(f"<iq type='{type_}' from='{who}' to='{to}' id='i1'>{payload}</iq>")
        self.soon()
        return self.answer()

    def answer(self) -> Element:
        """The answer to the last question, wherever it stands among what was said."""
        for xml in self.wire.xml:
            found = fromstring(xml)
            if found.tag == "iq" and found.get("id") == "i1":
                self.wire.xml.remove(xml)
                return found
        raise AssertionError(f"no answer in {self.wire.xml}")

    def register(self, user: str = BOB, password: str = "builder", who: str = f"{ROMEO}/orchard") -> str:
        """``result``, or the condition of the error."""
        inside = f"<username>{user}</username><password>{password}</password>"
        return outcome(self.iq("set", f"<query xmlns='{REGISTER}'>{inside}</query>", who))

    def presence(self, type_: str = "", who: str = f"{ROMEO}/orchard", to: str = GATEWAY) -> None:
        kind = f" type='{type_}'" if type_ else ""
        self.take(f"<presence from='{who}' to='{to}'{kind}/>")
        self.soon()

    def said(self) -> list[str]:
        """The presence stanzas since the last time, in brief, with whom they are for."""
        taken, self.wire.xml = self.wire.xml, []
        stanzas = [fromstring(xml) for xml in taken]
        return [
            f"{each.get('type', 'available')} {each.get('from')} > {each.get('to')}"
            for each in stanzas
            if each.tag == "presence"
        ]


def outcome(answer: Element) -> str:
    """``result``, or the condition of an error."""
    if answer.get("type") == "result":
        return "result"
    (error,) = [each for each in answer if local(each.tag) == "error"]
    return local(error[0].tag)
