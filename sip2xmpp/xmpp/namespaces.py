"""XML namespaces of the stanzas this program reads and writes, under the names of their specifications."""

from typing import Final

COMPONENT: Final = "jabber:component:accept"  # XEP-0114
CLIENT: Final = "jabber:client"
STREAMS: Final = "http://etherx.jabber.org/streams"
STREAM_ERRORS: Final = "urn:ietf:params:xml:ns:xmpp-streams"
STANZA_ERRORS: Final = "urn:ietf:params:xml:ns:xmpp-stanzas"
XML: Final = "http://www.w3.org/XML/1998/namespace"

ACTIVITY: Final = "http://jabber.org/protocol/activity"  # XEP-0108
AVATAR_DATA: Final = "urn:xmpp:avatar:data"  # XEP-0084
AVATAR_METADATA: Final = "urn:xmpp:avatar:metadata"
CAPS: Final = "http://jabber.org/protocol/caps"  # XEP-0115
CHAT_MARKERS: Final = "urn:xmpp:chat-markers:0"  # XEP-0333
CHAT_STATES: Final = "http://jabber.org/protocol/chatstates"  # XEP-0085
COMMANDS: Final = "http://jabber.org/protocol/commands"  # XEP-0050
CORRECTION: Final = "urn:xmpp:message-correct:0"  # XEP-0308
DATA_FORMS: Final = "jabber:x:data"  # XEP-0004
DELAY: Final = "urn:xmpp:delay"  # XEP-0203
DISCO_INFO: Final = "http://jabber.org/protocol/disco#info"  # XEP-0030
DISCO_ITEMS: Final = "http://jabber.org/protocol/disco#items"
GATEWAY: Final = "jabber:iq:gateway"  # XEP-0100
HINTS: Final = "urn:xmpp:hints"  # XEP-0334
IDLE: Final = "urn:xmpp:idle:1"  # XEP-0319
LAST: Final = "jabber:iq:last"  # XEP-0012, XEP-0256
MOOD: Final = "http://jabber.org/protocol/mood"  # XEP-0107
NICK: Final = "http://jabber.org/protocol/nick"  # XEP-0172
PING: Final = "urn:xmpp:ping"  # XEP-0199
PRIVILEGE: Final = (
    "urn:xmpp:privilege:2",
    "urn:xmpp:privilege:1",
)  # XEP-0356, the present and the former version
PUBSUB: Final = "http://jabber.org/protocol/pubsub"  # XEP-0060
PUBSUB_EVENT: Final = "http://jabber.org/protocol/pubsub#event"  # XEP-0060
RECEIPTS: Final = "urn:xmpp:receipts"  # XEP-0184
REGISTER: Final = "jabber:iq:register"  # XEP-0077
ROSTER: Final = "jabber:iq:roster"
ROSTER_EXCHANGE: Final = "http://jabber.org/protocol/rosterx"  # XEP-0144
TIME: Final = "urn:xmpp:time"  # XEP-0202
VCARD: Final = "vcard-temp"  # XEP-0054
VCARD4: Final = "urn:ietf:params:xml:ns:vcard-4.0"  # XEP-0292, RFC 6351
VCARD4_NODE: Final = "urn:xmpp:vcard4"
VCARD_UPDATE: Final = "vcard-temp:x:update"  # XEP-0153
VERSION: Final = "jabber:iq:version"  # XEP-0092
