"""PIDF as Cisco phones take it: activities in two namespaces of Cisco's own.  Third-party knowledge, not measured.

Reading needs nothing of its own: ``pidf.read`` finds the activities in any namespace.

Implements: the documents of Cisco Unified Communications Manager for busy lamps, as servers imitate them.
"""

from typing import Final

from sip2xmpp.documents.identifiers import legal_id
from sip2xmpp.documents.namespaces import CISCO, CISCO_STATUS, DATA_MODEL, PIDF
from sip2xmpp.documents.presence import Presence
from sip2xmpp.documents.uris import legal_uri
from sip2xmpp.documents.xml import attribute

_CISCOS_OWN: Final = frozenset(("alerting", "available", "dnd"))
_STATUS_WORDS: Final = frozenset(("away", "busy", "on-the-phone"))

_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<presence xmlns="{PIDF}" xmlns:dm="{DATA_MODEL}" xmlns:e="{CISCO_STATUS}" xmlns:ce="{CISCO}"'
)


def write(presence: Presence) -> bytes:
    """The first tuple and the activities of the first person."""
    parts = [f'{_HEAD} entity="{attribute(legal_uri(presence.entity))}">']
    for service in presence.tuples[:1]:
        basic = f"<basic>{service.basic.value}</basic>" if service.basic is not None else ""
        parts.append(f'<tuple id="{legal_id(service.id)}"><status>{basic}</status></tuple>')
    for person in presence.persons[:1]:
        inside = "".join(_activity(activity.name) for activity in person.activities)
        parts.append(
            f'<dm:person id="{legal_id(person.id)}"><e:activities>{inside}</e:activities></dm:person>'
        )
    parts.append("</presence>")
    return "".join(parts).encode()


def _activity(name: str) -> str:
    if name in _CISCOS_OWN:
        return f"<ce:{name}/>"
    return f"<e:{name}/>" if name in _STATUS_WORDS else ""
