"""What the addresses of a component domain say of themselves.

Three kinds of address answer: the domain is a gateway, a bare contact is an account, a full contact is a phone.  The
phone's capabilities go with every presence of a contact.  They ask for mood, activity and nickname, because a server
sends what a user publishes only to a contact whose presence carries such features and who answers for them (XEP-0163).

Implements: XEP-0030; XEP-0115; XEP-0163 section 6 (contact notification filtering).
"""

from typing import Final

from sip2xmpp.xmpp import namespaces as ns
from sip2xmpp.xmpp.caps import Capabilities, Identity

NODE: Final = "urn:x-sip2xmpp"
"""Names this software in XEP-0115."""

_EVERYWHERE: Final = (ns.CAPS, ns.DISCO_INFO, ns.DISCO_ITEMS, ns.PING, ns.VCARD)

DOMAIN: Final = Capabilities(
    node=NODE,
    identities=(Identity(category="gateway", type="simple", name="SIP"),),
    features=(
        *_EVERYWHERE,
        ns.COMMANDS,
        ns.GATEWAY,
        ns.LAST,
        ns.REGISTER,
        ns.TIME,
        ns.VERSION,
        "jid\\20escaping",
    ),
)
ACCOUNT: Final = Capabilities(
    node=NODE,
    identities=(
        Identity(category="account", type="registered"),
        Identity(category="pubsub", type="pep"),
    ),
    features=(*_EVERYWHERE, ns.PUBSUB, f"{ns.PUBSUB}#retrieve-items", ns.VCARD4),
)
CONTACT: Final = Capabilities(
    node=NODE,
    identities=(Identity(category="client", type="phone", name="SIP"),),
    features=(
        *_EVERYWHERE,
        ns.CHAT_STATES,
        ns.RECEIPTS,
        f"{ns.ACTIVITY}+notify",
        f"{ns.MOOD}+notify",
        f"{ns.NICK}+notify",
    ),
)


def capabilities_of(jid: str, node: str | None) -> Capabilities | None:
    """Return what ``jid``, an address of ours, answers when asked for ``node``; None: there is no such node."""
    if node == CONTACT.full_node:
        return CONTACT
    if "/" in jid:
        own = CONTACT
    elif "@" in jid:
        own = ACCOUNT
    else:
        own = DOMAIN
    return own if node is None or node == own.full_node else None
