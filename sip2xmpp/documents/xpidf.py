"""XPIDF, the format before PIDF that older Polycom phones and Messenger clones still use.

It has no namespace and little to say: open, in use or closed, and one word for the sub-status.  What it cannot say
(free for chat, extended away, do not disturb) is told by the nearest word it has.

Implements: draft-rosenberg-impp-pidf (expired) as FreeSWITCH, pjsip and Microsoft clients write it.
"""

from typing import Final

from sip2xmpp.documents.identifiers import digest_id, fresh_id, legal_id
from sip2xmpp.documents.presence import Activity, Basic, Note, Person, Presence, Tuple
from sip2xmpp.documents.uris import legal_uri
from sip2xmpp.documents.xml import Element, attribute, content, local_name, parse
from sip2xmpp.errors import BadDocument

CONTENT_TYPE: Final = "application/xpidf+xml"

_MEANING: Final[dict[str, tuple[str, ...]]] = {
    "away": ("away",),
    "idle": ("away",),
    "berightback": ("away",),
    "outtolunch": ("meal",),
    "busy": ("busy",),
    "onthephone": ("on-the-phone",),
}
"""Sub-status -> activities; ``online`` and ``unknown`` say nothing, ``offline`` is looked at separately."""


def read(octets: bytes) -> Presence:
    """The value of an XPIDF document.  Raises ``BadDocument``."""
    root = parse(octets, allow_doctype=True)
    if local_name(root) != "presence":
        raise BadDocument("the root element is not presence")
    entity = ""
    tuples: list[Tuple] = []
    activities: list[Activity] = []
    notes: list[Note] = []
    ids: set[str] = set()
    for element in root.iter():
        name = local_name(element)
        if name == "presentity" and not entity:
            entity = (element.get("uri") or "").partition(";")[0].strip()
        elif name == "atom":
            wanted = (element.get("id") or element.get("atomid") or "").strip()
            made = fresh_id(legal_id(wanted) if wanted else digest_id("atom"), ids)
            ids.add(made)
            service, words = _atom(element, made)
            tuples.append(service)
            activities.extend(Activity(word) for word in words)
        elif name == "note" and content(element):
            notes.append(Note(text=content(element)))
    if not entity and tuples and tuples[0].contact:
        entity = tuples[0].contact
    return Presence(
        entity=entity,
        tuples=tuple(tuples),
        notes=tuple(notes),
        persons=(Person(id="p1", activities=tuple(dict.fromkeys(activities))),) if activities else (),
    )


def write(entity: str, *, status: str, substatus: str) -> bytes:
    """The document in the dialect of FreeSWITCH, which phones were tuned to.

    ``status`` is ``open``, ``inuse`` or ``closed``; ``substatus`` is ``online``, ``away``, ``busy``, ``onthephone`` or
    ``offline``.
    """
    uri = attribute(legal_uri(entity))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<presence><presentity uri="{uri};method=SUBSCRIBE"/><atom id="atom1">'
        f'<address uri="{uri}" priority="0.800000"><status status="{attribute(status)}"/>'
        f'<msnsubstatus substatus="{attribute(substatus)}"/></address></atom></presence>'
    ).encode()


def _atom(element: Element, made: str) -> tuple[Tuple, tuple[str, ...]]:
    contact: str | None = None
    status = substatus = ""
    for inner in element.iter():
        name = local_name(inner)
        if name == "address" and contact is None:
            contact = (inner.get("uri") or "").partition(";")[0].strip() or None
        elif name == "status":
            # COMPAT: some write the word as text instead of as attribute.
            status = (inner.get("status") or content(inner)).strip().lower()
        elif name == "msnsubstatus":
            substatus = (inner.get("substatus") or content(inner)).strip().lower()
    # COMPAT: Linphone 3.5 says offline as closed with the sub-status "away".
    if status == "closed" or substatus == "offline":
        return Tuple(id=made, basic=Basic.CLOSED, contact=contact), ()
    words = _MEANING.get(substatus, ())
    if not words and substatus not in ("online", "unknown"):
        # COMPAT: Microsoft's "inactive" without a word is an idle keyboard, "inuse" without one is busy.
        words = {"inactive": ("away",), "inuse": ("busy",)}.get(status, ())
    known = status in ("open", "inuse", "inactive") or bool(words)
    return Tuple(id=made, basic=Basic.OPEN if known else None, contact=contact), words
