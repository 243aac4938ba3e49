"""The calls of somebody: dialog-info documents as values, read from strangers and written exactly.

A ``Call`` is one INVITE dialog as its phone or a server on its way tells of it: far enough for a lamp, for picking it up, and
for a line that several phones share.  Reading takes what is sent by phones and servers: elements in any namespace and order,
ids that are missing or there twice, ``notify-state`` for ``state``, ``pvalue`` for ``pval``.  Nothing that is unknown is kept.

What a peer may say is bounded: ``SIZE_LIMIT`` octets, ``CALLS`` calls, ``PARTS`` parameters or hops.

Implements: RFC 4235 section 4 (the document); RFC 7463 section 5.2 (appearances); draft-anil-sipping-bla (``x-line-id``).
"""

from dataclasses import replace
from enum import Enum
from typing import Final, TypeVar

from sip2xmpp.documents.identifiers import digest_id, fresh_id
from sip2xmpp.documents.namespaces import DIALOG_INFO, SHARED_DIALOG
from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.documents.rpid import read_integer
from sip2xmpp.documents.xml import Element, attribute, content, local_name, parse, text
from sip2xmpp.errors import BadDocument

CONTENT_TYPE: Final = "application/dialog-info+xml"
SIZE_LIMIT: Final = 65_536
CALLS: Final = 200
"""Calls of one document; more than one address has at a time."""
PARTS: Final = 32
"""Parameters of a target, hops of a route, and joined or replaced calls, that are read."""

RENDERING: Final = "+sip.rendering"
"""The target parameter whose value ``no`` says that nothing is heard: the call is on hold (RFC 4235, section 4.2)."""
LINE: Final = "x-line-id"
"""The target parameter with the number of the appearance, where the BLA draft is spoken."""

ENDINGS: Final = frozenset(
    ("cancelled", "rejected", "replaced", "local-bye", "remote-bye", "error", "timeout")
)
"""Why a call ended (RFC 4235, section 3.7.1)."""

E = TypeVar("E", bound=Enum)


class CallState(Enum):
    """How far a call is (RFC 4235, section 3.7.1)."""

    __hash__ = object.__hash__

    TRYING = "trying"
    PROCEEDING = "proceeding"
    EARLY = "early"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Direction(Enum):
    """Whether the one of whom the document tells called, or was called."""

    __hash__ = object.__hash__

    INITIATOR = "initiator"
    RECIPIENT = "recipient"


@frozen_value
class DialogName:
    """A dialog by its identifiers, as its own side sees it."""

    call_id: str
    local_tag: str = ""
    remote_tag: str = ""


@frozen_value
class Party:
    """One end of a call.  ``identity`` and ``target`` are URIs; ``params`` are those of the target, in order.

    ``session`` is a session description without surrounding blanks, ``session_type`` its media type.
    """

    identity: str = ""
    display: str = ""
    target: str = ""
    params: tuple[tuple[str, str], ...] = ()
    session_type: str = ""
    session: str = ""
    cseq: int | None = None

    def param(self, name: str) -> str | None:
        """The value of a parameter of the target; names are compared without case."""
        name = name.lower()
        return next((value for key, value in self.params if key.lower() == name), None)


@frozen_value
class Call:
    """One dialog.  ``id`` is unique in its document; empty strings and None stand for what was not said.

    ``ending`` is one of ``ENDINGS``, ``code`` the status that ended it or brought it into its state, ``duration`` is in seconds.
    ``appearance`` and ``exclusive`` are those of RFC 7463, where ``joined`` and ``replaced`` name dialogs too.
    """

    id: str
    state: CallState
    ending: str = ""
    code: int | None = None
    call_id: str = ""
    local_tag: str = ""
    remote_tag: str = ""
    direction: Direction | None = None
    duration: int | None = None
    replaces: DialogName | None = None
    referred_by: str = ""
    referred_by_display: str = ""
    route_set: tuple[str, ...] = ()
    local: Party | None = None
    remote: Party | None = None
    appearance: int | None = None
    exclusive: bool | None = None
    joined: tuple[DialogName, ...] = ()
    replaced: tuple[DialogName, ...] = ()

    @property
    def is_live(self) -> bool:
        return self.state is not CallState.TERMINATED

    @property
    def is_held(self) -> bool:
        """Whether our end renders nothing: the one of whom the document tells put the call on hold."""
        return self.local is not None and self.local.param(RENDERING) == "no"

    @property
    def line(self) -> int | None:
        """The number of the appearance, in whichever of the two ways it is said."""
        if self.appearance is not None:
            return self.appearance
        said = self.local.param(LINE) if self.local is not None else None
        return _count(said)


@frozen_value
class DialogInfo:
    """A whole document.  ``is_full``: these are all calls; otherwise only those that changed (``state="partial"``)."""

    entity: str
    version: int = 0
    is_full: bool = True
    calls: tuple[Call, ...] = ()


def merged(before: DialogInfo | None, change: DialogInfo) -> DialogInfo:
    """All calls after a change; what ended before it is left out.  A full document replaces everything."""
    if change.is_full or before is None:
        return change if change.is_full else replace(change, is_full=True)
    calls = {call.id: call for call in before.calls if call.is_live}
    calls.update((call.id, call) for call in change.calls)
    return replace(change, is_full=True, calls=tuple(calls.values())[-CALLS:])


# Reading


def read(octets: bytes) -> DialogInfo:
    """The value of a document.  Raises ``BadDocument``."""
    root = parse(octets, limit=SIZE_LIMIT)
    if local_name(root) != "dialog-info":
        raise BadDocument("the root element is not dialog-info")
    # COMPAT: an example of RFC 4235, and phones that were made after it, call the attribute notify-state.
    state = root.get("state") or root.get("notify-state") or "full"
    elements = [child for child in root if local_name(child) == "dialog"]
    if len(elements) > CALLS:
        raise BadDocument(f"a document tells of more than {CALLS} dialogs")
    calls: dict[str, Call] = {}
    for element in elements:
        call = _call(element, calls)
        calls[call.id] = call
    return DialogInfo(
        entity=(root.get("entity") or "").strip(),
        version=_count(root.get("version")) or 0,
        is_full=state.strip().lower() != "partial",
        calls=tuple(calls.values()),
    )


def _call(element: Element, known: dict[str, Call]) -> Call:
    found: dict[str, Element] = {}
    joined: list[DialogName] = []
    replaced: list[DialogName] = []
    for child in element:
        name = local_name(child)
        if name == "joined-dialog":
            joined.append(_name(child))
        elif name == "replaced-dialog":
            replaced.append(_name(child))
        else:
            found.setdefault(name, child)
    state = found.get("state")
    named = _name(element)
    referred, route = found.get("referred-by"), found.get("route-set")
    return Call(
        id=_said(element, "id") or _made_id(named, known),
        # a dialog of which nothing is known lights no lamp
        state=_word(CallState, state) or CallState.TERMINATED,
        ending=_ending(state),
        code=_count(state.get("code")) if state is not None else None,
        call_id=named.call_id,
        local_tag=named.local_tag,
        remote_tag=named.remote_tag,
        direction=next((one for one in Direction if one.value == _said(element, "direction").lower()), None),
        duration=_count(_content(found.get("duration"))),
        replaces=_name(found["replaces"]) if "replaces" in found else None,
        referred_by=_content(referred),
        referred_by_display=_said(referred, "display") if _content(referred) else "",
        route_set=tuple([content(hop) for hop in route if content(hop)][:PARTS]) if route is not None else (),
        local=_party(found.get("local")),
        remote=_party(found.get("remote")),
        appearance=_count(_content(found.get("appearance"))),
        exclusive=_truth(_content(found.get("exclusive"))),
        joined=tuple(joined[:PARTS]),
        replaced=tuple(replaced[:PARTS]),
    )


def _made_id(named: DialogName, known: dict[str, Call]) -> str:
    """COMPAT: an id for a dialog that has none, the same in the next document if its dialog has a name."""
    return fresh_id(digest_id(f"{named.call_id} {named.local_tag} {named.remote_tag}"), known)


def _party(element: Element | None) -> Party | None:
    if element is None:
        return None
    found: dict[str, Element] = {}
    for child in element:
        found.setdefault(local_name(child), child)
    identity, target, session = found.get("identity"), found.get("target"), found.get("session-description")
    params = [
        # COMPAT: Asterisk writes pvalue
        (_said(each, "pname"), _said(each, "pval") or _said(each, "pvalue"))
        for each in (target if target is not None else ())
        if local_name(each) == "param" and _said(each, "pname")
    ]
    return Party(
        identity=_content(identity),
        display=_said(identity, "display") if _content(identity) else "",
        target=_said(target, "uri"),
        params=tuple(params[:PARTS]),
        session_type=_said(session, "type") if _content(session) else "",
        session=_content(session),
        cseq=_count(_content(found.get("cseq"))),
    )


def _name(element: Element) -> DialogName:
    return DialogName(
        call_id=_said(element, "call-id"),
        local_tag=_said(element, "local-tag"),
        remote_tag=_said(element, "remote-tag"),
    )


def _ending(state: Element | None) -> str:
    word = _said(state, "event").lower()
    return word if word in ENDINGS else ""


def _said(element: Element | None, name: str) -> str:
    return (element.get(name) or "").strip() if element is not None else ""


def _content(element: Element | None) -> str:
    return content(element) if element is not None else ""


def _word(kind: type[E], element: Element | None) -> E | None:
    word = _content(element).lower()
    return next((one for one in kind if one.value == word), None)


def _count(words: str | None) -> int | None:
    number = read_integer(words)
    return number if number is not None and number >= 0 else None


def _truth(words: str) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(words.lower())


# Writing


def write(document: DialogInfo) -> bytes:
    """The document, valid by the schema of RFC 4235."""
    shared = any(
        call.appearance is not None or call.exclusive is not None or call.joined or call.replaced
        for call in document.calls
    )
    parts = [
        f'<?xml version="1.0" encoding="UTF-8"?>\n<dialog-info xmlns="{DIALOG_INFO}"',
        f' xmlns:sa="{SHARED_DIALOG}"' if shared else "",
        f' version="{document.version}" state="{"full" if document.is_full else "partial"}"',
        f' entity="{attribute(document.entity)}">',
    ]
    for call in document.calls:
        _write_call(parts, call)
    parts.append("</dialog-info>\n")
    return "".join(parts).encode()


def _write_call(parts: list[str], call: Call) -> None:
    parts += [
        f'<dialog id="{attribute(call.id)}"',
        _attributes(call_id=call.call_id, local_tag=call.local_tag, remote_tag=call.remote_tag),
        f' direction="{call.direction.value}">' if call.direction is not None else ">",
        "<state",
        _attributes(event=call.ending, code=call.code),
        f">{call.state.value}</state>",
        _number("duration", call.duration),
    ]
    if call.replaces is not None:
        parts.append(_named("replaces", call.replaces))
    if call.referred_by:
        parts.append(
            f"<referred-by{_attributes(display=call.referred_by_display)}>{text(call.referred_by)}</referred-by>"
        )
    if call.route_set:
        hops = "".join([f"<hop>{text(hop)}</hop>" for hop in call.route_set])
        parts.append(f"<route-set>{hops}</route-set>")
    _write_party(parts, "local", call.local)
    _write_party(parts, "remote", call.remote)
    parts.append(_number("sa:appearance", call.appearance))
    if call.exclusive is not None:
        parts.append(f"<sa:exclusive>{'true' if call.exclusive else 'false'}</sa:exclusive>")
    parts += [_named("sa:joined-dialog", one) for one in call.joined]
    parts += [_named("sa:replaced-dialog", one) for one in call.replaced]
    parts.append("</dialog>")


def _write_party(parts: list[str], name: str, party: Party | None) -> None:
    if party is None:
        return
    parts.append(f"<{name}>")
    if party.identity:
        parts.append(f"<identity{_attributes(display=party.display)}>{text(party.identity)}</identity>")
    if party.target or party.params:
        params = "".join(
            [f'<param pname="{attribute(key)}" pval="{attribute(value)}"/>' for key, value in party.params]
        )
        parts.append(f'<target uri="{attribute(party.target)}">{params}</target>')
    if party.session:
        parts.append(
            f"<session-description{_attributes(type=party.session_type)}>{text(party.session)}</session-description>"
        )
    parts.append(f"{_number('cseq', party.cseq)}</{name}>")


def _named(element: str, name: DialogName) -> str:
    """The attributes are mandatory where a dialog is named."""
    return (
        f'<{element} call-id="{attribute(name.call_id)}" local-tag="{attribute(name.local_tag)}"'
        f' remote-tag="{attribute(name.remote_tag)}"/>'
    )


def _number(element: str, number: int | None) -> str:
    return f"<{element}>{number}</{element}>" if number is not None else ""


def _attributes(**values: str | int | None) -> str:
    """Attributes that were said; their names are written with a hyphen for an underscore."""
    return "".join(
        [
            f' {name.replace("_", "-")}="{attribute(str(value))}"'
            for name, value in values.items()
            if value not in (None, "")
        ]
    )
