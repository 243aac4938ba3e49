"""What is written and read when a Jabber user registers with the gateway, and when a client asks how to write an address.

Every form has the plain fields and a data form with the same ones.  A password goes one way only: it is read, and never
written again.

Implements: XEP-0077 sections 3 and 4; XEP-0100 sections 4.1 to 4.3 and 6 (address translation by ``jabber:iq:gateway``).
"""

from dataclasses import dataclass, field
from typing import Final, Protocol

from twisted.internet.defer import Deferred
from twisted.words.xish.domish import Element

from sip2xmpp.xmpp import namespaces as ns
from sip2xmpp.xmpp.forms import BadForm, Field, FieldType, Form, read_answer
from sip2xmpp.xmpp.iq import Question
from sip2xmpp.xmpp.reading import children, text
from sip2xmpp.xmpp.stanza_errors import StanzaRefused
from sip2xmpp.xmpp.texts import text_of

LONGEST: Final = 1023
"""Octets of a user name, a password or an address that are taken."""

INSTRUCTIONS: Final = (
    "Give your SIP address and password to set your SIP presence and to decide who may see it; "
    "leave both empty to use the gateway without a SIP account."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A registration as it was asked for; both empty: without a SIP account."""

    user: str = ""
    password: str = field(default="", repr=False)


class Registry(Protocol):
    """Who registers people.  ``sender`` is a JID as it was written, ``domain`` ours; all may raise ``StanzaRefused``."""

    def asked(self, sender: str, domain: str) -> str | None:
        """The user name that a sender is registered with, perhaps the empty string; None: it is not registered."""

    def register(self, sender: str, domain: str, wanted: Wanted) -> Deferred[str]:
        """Register, or change a registration; fires with the empty string when it is done."""

    def remove(self, sender: str, domain: str) -> Deferred[str]:
        """Forget a registration, likewise."""

    def jid_for(self, sender: str, written: str) -> str:
        """The JID for an address that somebody wrote."""


def registration_questions(registry: Registry) -> dict[tuple[str, str, str], Question]:
    """What ``iq.Answers`` is asked about registrations and addresses."""

    def asked(iq: Element, _: Element) -> str:
        domain = _domain(iq)
        return registration_query(registry.asked(iq.attributes["from"], domain))

    def told(iq: Element, query: Element) -> Deferred[str]:
        domain, wanted = _domain(iq), read_registration(query)
        if wanted is None:
            return registry.remove(iq.attributes["from"], domain)
        return registry.register(iq.attributes["from"], domain, wanted)

    def prompt_asked(iq: Element, _: Element) -> str:
        _domain(iq)
        return PROMPT_QUERY

    def prompt_answered(iq: Element, query: Element) -> str:
        _domain(iq)
        return prompted(registry.jid_for(iq.attributes["from"], read_prompt(query)))

    return {
        ("get", ns.REGISTER, "query"): asked,
        ("set", ns.REGISTER, "query"): told,
        ("get", ns.GATEWAY, "query"): prompt_asked,
        ("set", ns.GATEWAY, "query"): prompt_answered,
    }


def _domain(iq: Element) -> str:
    """The component domain that was asked; a contact is not registered with."""
    asked: str = iq.attributes["to"]
    if "@" in asked or "/" in asked:
        raise StanzaRefused("service-unavailable")
    return asked


def registration_query(user: str | None) -> str:
    """What is asked of somebody who is registered as ``user`` (perhaps the empty string), or, with None, not at all."""
    form = Form(
        title="SIP gateway",
        instructions=INSTRUCTIONS,
        kind=ns.REGISTER,
        fields=(
            Field(name="username", label="SIP address", values=(user,) if user else ()),
            Field(name="password", label="Password", type=FieldType.TEXT_PRIVATE),
        ),
    )
    name = f"<username>{text_of(user)}</username>" if user else "<username/>"
    registered = "<registered/>" if user is not None else ""
    return (
        f"<query xmlns='{ns.REGISTER}'>{registered}<instructions>{INSTRUCTIONS}</instructions>"
        f"{name}<password/>{form.element}</query>"
    )


def read_registration(query: Element) -> Wanted | None:
    """What is wanted; None: to be registered no more.  Raises ``StanzaRefused``."""
    inside = list(children(query))
    if any(each.name == "remove" and each.uri == ns.REGISTER for each in inside):
        if len(inside) != 1:
            raise StanzaRefused("bad-request", "remove stands alone")
        return None
    forms = [each for each in inside if each.uri == ns.DATA_FORMS]
    if forms:
        try:
            values = read_answer(forms[0])
        except BadForm as fault:
            raise StanzaRefused("bad-request", str(fault)) from None
        if values is None:
            raise StanzaRefused("bad-request", "a cancelled form registers nobody")
        user, password = (next(iter(values.get(name, ())), "") for name in ("username", "password"))
    else:
        found = {each.name: text(each) for each in inside if each.uri == ns.REGISTER}
        user, password = found.get("username", ""), found.get("password", "")
    if max(len(user.encode()), len(password.encode())) > LONGEST:
        raise StanzaRefused("not-acceptable", "that is too long")
    return Wanted(user=user.strip(), password=password)


PROMPT_QUERY: Final = (
    f"<query xmlns='{ns.GATEWAY}'><desc>Write the address of a SIP user, as in bob@example.com or sip:bob@example.com</desc>"
    "<prompt>SIP address</prompt></query>"
)


def read_prompt(query: Element) -> str:
    """The address that somebody wrote.  Raises ``StanzaRefused``."""
    for each in children(query):
        if each.uri == ns.GATEWAY and each.name == "prompt":
            written = text(each).strip()
            if written and len(written.encode()) <= LONGEST:
                return written
    raise StanzaRefused("not-acceptable", "an address is needed")


def prompted(jid: str) -> str:
    """The JID for it."""
    return f"<query xmlns='{ns.GATEWAY}'><jid>{text_of(jid)}</jid></query>"
