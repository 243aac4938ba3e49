"""The parsers of real clients in miniature: what each would show for a document.

Each function follows what the client's source does, or what the running client was seen to do, including what is wrong with
it; none shares code with the product.  ``Refused`` stands for a 488 or 415 answer or a document that is silently dropped.
"""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from lxml import etree

PIDF = "{urn:ietf:params:xml:ns:pidf}"
DM = "{urn:ietf:params:xml:ns:pidf:data-model}"
RPID = "{urn:ietf:params:xml:ns:pidf:rpid}"
AGP = "{urn:ag-projects:xml:ns:pidf}"
ONLINE = "{http://www.linphone.org/xsds/pidfonline.xsd}online"
SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parent / "schemas" / "all.xsd"))


class Refused(Exception):
    """The client does not take the document."""


# pjsip and MicroSIP: a parser of its own that knows no namespaces


@dataclass
class Node:
    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    content: str = ""
    children: list["Node"] = field(default_factory=list)

    def child(self, name: str) -> "Node | None":
        return next((each for each in self.children if each.name.lower() == name), None)

    def child_ending(self, suffix: str) -> "Node | None":
        return next((each for each in self.children if each.name.lower().endswith(suffix)), None)


_TOKEN = re.compile(r"<\?.*?\?>|<!\[CDATA\[.*?\]\]>|<!--.*?-->|<![^>]*>|</[^>]*>|<[^>]*>|[^<]+", re.DOTALL)
_ATTRIBUTE = re.compile(r"""([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")


def pj_xml(octets: bytes) -> Node:
    """pjlib-util xml.c: names as written, no entities, no comments inside the root, no text after a child."""
    stack: list[Node] = []
    root: Node | None = None
    for token in _TOKEN.findall(octets.decode()):
        if token.startswith("<?") or (token.startswith("<!") and not token.startswith("<![CDATA[")):
            if token.startswith("<!--") and stack:
                raise Refused("a comment inside the root")
        elif token.startswith("</"):
            if not stack or stack.pop().name != token[2:-1].strip():
                raise Refused("tags do not match")
        elif token.startswith("<![CDATA["):
            stack[-1].content += token[9:-3]
        elif token.startswith("<"):
            name, *_ = token[1:-1].rstrip("/").split(maxsplit=1)
            node = Node(name, {m[1]: m[2] or m[3] or "" for m in _ATTRIBUTE.finditer(token)})
            if stack:
                stack[-1].children.append(node)
            root = root or node
            if not token.endswith("/>"):
                stack.append(node)
        elif token.strip():
            if not stack or stack[-1].children:
                raise Refused("mixed content")
            stack[-1].content = token
    if root is None or stack:
        raise Refused("not a document")
    return root


@dataclass(frozen=True)
class Buddy:
    """What pjsua knows of a buddy."""

    status: str
    activity: str
    text: str


def pjsip(octets: bytes) -> Buddy:
    root = pj_xml(octets)
    if not root.name.lower().endswith("presence"):
        raise Refused("not presence")
    tuples = [each for each in root.children if each.name.lower() == "tuple"][:8]
    for each in tuples:
        assert each.attributes.get("id"), "pjsip crashes on a tuple without id"
        assert each.child("status") is not None, "pjsip crashes on a tuple without status"
    status = "unknown"
    if tuples:
        basic = tuples[0].child("status").child("basic")
        status = "online" if basic is not None and basic.content.lower() == "open" else "offline"
    activity = "unknown"
    person = root.child_ending("person")
    activities = person.child_ending("activities") if person is not None else None
    note: Node | None = None
    if activities is not None:
        note = activities.child_ending("note")
        first = next((each for each in activities.children if each is not note), None)
        if first is not None:
            activity = next(
                (word for word in ("busy", "away") if first.name.lower().endswith(word)), "unknown"
            )
    if note is None and person is not None:
        note = person.child_ending("note")
    if note is None and tuples:
        note = tuples[0].child("note")
    if note is None:
        note = root.child("note")
    return Buddy(status, activity, note.content.strip() if note is not None else "")


def microsip(octets: bytes) -> str:
    buddy = pjsip(octets)
    if buddy.status != "online":
        return "offline"
    if buddy.text == "On the phone":
        return "phone"
    if buddy.text.startswith("Ring"):
        return "ringing"
    return {"away": "away", "busy": "busy"}.get(buddy.activity, "online")


# baresip: regular expressions over the body


def baresip(octets: bytes, content_type: str = "application/pidf+xml") -> str:
    if content_type != "application/pidf+xml":
        raise Refused("415")
    body = octets.decode()
    basic = re.search(r"<basic[^>]*>([^<]*)</basic>", body, re.IGNORECASE)
    status = "OPEN" if basic is not None and basic[1].lower() == "open" else "CLOSED"
    if re.search(r"<rpid:away\s*/>", body, re.IGNORECASE):
        return "CLOSED"
    if re.search(r"<rpid:(?:busy|on-the-phone)\s*/>", body, re.IGNORECASE):
        return "BUSY"
    return status


# The Linphone family


def _tree(octets: bytes) -> ET.Element:
    try:
        return ET.fromstring(octets)
    except ET.ParseError as error:
        raise Refused(str(error)) from None


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


@dataclass(frozen=True)
class Model:
    """liblinphone's presence model."""

    is_open: bool
    online: bool
    activities: tuple[tuple[str, str], ...]


def _linphone_model(octets: bytes) -> Model:
    root = _tree(octets)
    if root.tag != PIDF + "presence":
        raise Refused("488")
    is_open = False
    for basic in root.iterfind(f"{PIDF}tuple/{PIDF}status/{PIDF}basic"):
        if basic.text not in ("open", "closed"):
            raise Refused("488")
        is_open = is_open or basic.text == "open"
    if len(root.findall(f".//{RPID}activities/{RPID}note")) > 1:
        raise AssertionError("liblinphone frees memory twice")
    activities = tuple(
        (_local(each), (each.text or "").strip())
        for each in root.iterfind(f"{DM}person/{RPID}activities/*")
        if _local(each) != "note"
    )
    return Model(is_open, root.find(f".//{ONLINE}") is not None, activities)


def linphone_sdk(octets: bytes) -> str:
    model = _linphone_model(octets)
    if model.is_open:
        return "Online" if model.online or not model.activities else "Busy"
    return "DoNotDisturb" if model.activities else "Offline"


def linphone_desktop_6(octets: bytes) -> str:
    model = _linphone_model(octets)
    if not model.is_open:
        return "Undefined"
    if not model.activities:
        return "Online"
    shown = {"busy": "Busy", "away": "Away", "permanent-absence": "Offline", "other": "DoNotDisturb"}
    return shown.get(model.activities[-1][0], "Undefined")


def linphonec_5(octets: bytes) -> str:
    """linphonec 5.1.65 as measured: the last activity, whatever the tuples say."""
    model = _linphone_model(octets)
    shown = {
        "away": "Away",
        "sleeping": "Away",
        "busy": "Busy",
        "on-the-phone": "On the phone",
        "meeting": "Do not disturb",
        "worship": "Do not disturb",
        "vacation": "Vacation",
        "permanent-absence": "Moved",
        "other": "Moved",
        "steering": "Be right back",
        "in-transit": "Be right back",
    }
    last = model.activities[-1][0] if model.activities else ""
    return shown.get(last, "Online" if model.is_open else "Offline")


def linphone_3(octets: bytes) -> str:
    body = octets.decode()
    for words, shown in (
        (("pending",), "Offline"),
        (("busy",), "Busy"),
        (("berightback", "in-transit"), "Be right back"),
        (("away", "idle"), "Away"),
        (("onthephone", "on-the-phone"), "On the phone"),
        (("outtolunch", "meal"), "Out to lunch"),
        (("closed",), "Offline"),
        (("online", "open"), "Online"),
    ):
        if any(word in body for word in words):
            return shown
    return "Offline"


# Blink: validates, then looks for its own element


def blink(octets: bytes) -> str:
    document = etree.fromstring(octets)
    if not SCHEMA.validate(document):
        raise Refused(str(SCHEMA.error_log))

    def rank(each: etree._Element) -> tuple[int, str]:
        extended = each.find(f"{PIDF}status/{AGP}extended")
        basic = each.findtext(f"{PIDF}status/{PIDF}basic")
        points = 100 if extended is not None else 10 if basic == "open" else 0
        return points, each.findtext(f"{PIDF}timestamp") or ""

    tuples = document.findall(f"{PIDF}tuple")
    if not tuples:
        return "offline"
    best = max(tuples, key=rank)
    extended = best.findtext(f"{PIDF}status/{AGP}extended")
    if extended is not None:
        return extended
    return "available" if best.findtext(f"{PIDF}status/{PIDF}basic") == "open" else "offline"


# Jitsi

_JITSI_NAMES = ("Online", "Away", "On the phone", "In a meeting", "Busy (DND)", "Offline")
_JITSI_REACH = {
    "Online": 65,
    "Away": 48,
    "In a meeting": 45,
    "On the phone": 40,
    "Busy (DND)": 30,
    "Offline": 0,
}


def jitsi(octets: bytes, contact: str = "juliet@example.com") -> str:
    root = _tree(octets)
    person = ""
    for each in root.iter():
        if _local(each) != "person":
            continue
        for activity in each.iter():
            known = {"away": "Away", "busy": "Busy (DND)", "on-the-phone": "On the phone"}
            person = person or known.get(_local(activity), "")
    pidf_notes = list(root.iter(PIDF + "note"))
    notes = pidf_notes or [each for each in root.iter() if _local(each) == "note"]
    if notes:
        word = (notes[-1].text or "").strip().lower()
        for words, shown in (
            (("ready", "available"), "Online"),
            (("ringing", "on the phone", "on hold"), "On the phone"),
            (("unavailable",), "Offline"),
        ):
            if word in words:
                person = shown
    found: list[tuple[float, int, str]] = []
    for each in root.iterfind(PIDF + "tuple"):
        address = each.find(PIDF + "contact")
        uri = address.text if address is not None and address.text else root.get("entity", "")
        if not _same_contact(uri, contact):
            continue
        basic = each.findtext(f"{PIDF}status/{PIDF}basic") or ""
        shown = (person or "Online") if basic.lower() == "open" else "Offline"
        for note in each.iterfind(PIDF + "note"):
            if (note.text or "").strip() in _JITSI_NAMES:
                shown = (note.text or "").strip()
        priority = float(address.get("priority") or 0) if address is not None else 0.0
        found.append((priority, _JITSI_REACH[shown], shown))
    return max(found)[2] if found else "Offline"


def _same_contact(uri: str, contact: str) -> bool:
    bare = uri.removeprefix("pres:").removeprefix("sip:")
    short = re.sub(r"(?:[;?].*|:\d+.*)$", "", bare)
    return contact in (uri, bare, short) or contact.partition("@")[0] == bare


def twinkle(octets: bytes) -> str:
    basic = _tree(octets).find(f"{PIDF}tuple/{PIDF}status/{PIDF}basic")
    return basic.text or "" if basic is not None else "unknown"


@lru_cache(maxsize=1)
def schema_log(octets: bytes) -> str:
    """Why a document is not valid; empty when it is."""
    return "" if SCHEMA.validate(etree.fromstring(octets)) else str(SCHEMA.error_log)
