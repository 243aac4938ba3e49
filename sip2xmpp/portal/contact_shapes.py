"""Contact lists as JSON: what the operations of ``portal.contacts`` take and tell.

What is told may come back as it is, so that a client can read the list, change something and send the whole of it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from sip2xmpp.documents.xml import clean
from sip2xmpp.errors import BadInput
from sip2xmpp.portal.operations import NAME_LIMIT
from sip2xmpp.portal.problems import Fault
from sip2xmpp.portal.shapes import Member, Schema, Shape, Wrong, array, members, words

T = TypeVar("T")

MOST: Final = 100_000
"""Groups of a list and contacts of a group that are taken; the size of the body is the tighter bound, so it is not described."""


def _line(value: str) -> str:
    """A text on one line, as XML can hold it."""
    made = " ".join(clean(value).split())
    if made != " ".join(value.split()):
        raise BadInput("there are characters in it that XML cannot hold")
    return made


def _name(value: str) -> str:
    made = _line(value)
    if not made:
        raise BadInput("it is blank")
    return made


def _word(value: str) -> str:
    if clean(value) != value or value.split() != [value]:
        raise BadInput("there is something in it that no URI has")
    return value


_TEXT: Final = words(_line, least=0, most=2000)
_GROUP_NAME: Final = words(_name, most=200)
_GROUP_ID: Final = words(str, most=4000)
GROUP_NAMED: Final = words(str, most=NAME_LIMIT)
_CONTACT: Final = words(_word, most=NAME_LIMIT)
_BACK: Final = "As it was told; not to be changed."


def _told(schema: Schema, check: Callable[[object], bool]) -> Shape[None]:
    """What is told with a thing, may come back with it, and is not looked at then."""

    def read(value: object) -> None:
        if not check(value):
            raise Wrong(Fault("", "it is not as it was told"))

    return Shape(schema=schema, read=read)


def _many(shape: Shape[T]) -> Shape[tuple[T, ...]]:
    made = array(shape, MOST)
    return replace(made, schema={name: said for name, said in made.schema.items() if name != "maxItems"})


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


NULLABLE: Final[Schema] = {"type": ["string", "null"]}
_WORLDS: Final = ("own", "sip", "xmpp", "unknown")
WORLD: Final[Schema] = {"type": "string", "enum": list(_WORLDS)}
_ABOUT_CONTACT: Final = {
    "uri": Member(shape=_CONTACT, about="The URI in the list.", required=True),
    "name": Member(shape=_TEXT, about="What the owner calls the contact; empty for nothing."),
}
_TOLD_OF_CONTACT: Final = {
    "address": Member(
        shape=_told(NULLABLE, lambda value: value is None or isinstance(value, str)),
        about=f"The address that the URI means. {_BACK}",
    ),
    "world": Member(
        shape=_told(WORLD, lambda value: value in _WORLDS),
        about=f"Where it lives, as far as is known. {_BACK}",
    ),
}
_PATH_NAME: Final = words(_line, least=0, most=200)
_GROUP: Final = members(
    {
        "id": Member(shape=_GROUP_ID, about="What the group is called here; absent for a new one."),
        "path": Member(
            shape=array(_PATH_NAME, 16),
            about="The names of the groups around it, from the outermost, and its own; empty for one without name.",
            required=True,
        ),
        "display_name": Member(shape=_TEXT, about="What people are shown."),
        "contacts": Member(
            shape=_many(members({**_ABOUT_CONTACT, **_TOLD_OF_CONTACT})), about="Its contacts."
        ),
        "references": Member(
            shape=_told({"type": "array", "items": {"type": "string"}}, _are_texts),
            about=f"Lists and entries elsewhere that it takes in. {_BACK}",
        ),
        "holds_more": Member(
            shape=_told({"type": "boolean"}, lambda value: isinstance(value, bool)),
            about=f"Whether a client keeps something of its own in it, which goes with the group. {_BACK}",
        ),
    }
)
LIST: Final = members(
    {
        "address": Member(shape=_told({"type": "string"}, lambda value: isinstance(value, str)), about=_BACK),
        "groups": Member(
            shape=_many(_GROUP),
            about="In the order of the document: one that is inside another one follows it.",
            required=True,
        ),
    }
)
_GROUPS: Final = Member(
    shape=array(_GROUP_ID, 100),
    about="The ids of the groups it is in, or names of new ones; absent: as it is, or the usual group for a new contact.",
)
NEW_CONTACT: Final = members(
    {
        "contact": Member(
            shape=_CONTACT, about="A URI, or an address as in juliet@jabber.example.", required=True
        ),
        "name": _ABOUT_CONTACT["name"],
        "groups": _GROUPS,
    }
)
CHANGED_CONTACT: Final = members({"name": _ABOUT_CONTACT["name"], "groups": _GROUPS})
_DISPLAY: Final = Member(shape=_TEXT, about="What people are shown; empty for nothing.")
NEW_GROUP: Final = members(
    {
        "name": Member(shape=_GROUP_NAME, about="What it is called, unlike its neighbours.", required=True),
        "display_name": _DISPLAY,
        "parent": Member(shape=_GROUP_ID, about="The id of the group around it; absent: none."),
    }
)
CHANGED_GROUP: Final = members(
    {
        "name": Member(shape=_GROUP_NAME, about="What it is called from now on."),
        "display_name": _DISPLAY,
        "parent": Member(
            shape=words(str, least=0, most=4000),
            about="The id of the group that it is to be in; empty for none; absent: where it is.",
        ),
    }
)

GROUP_TOLD: Final[Schema] = _GROUP.schema | {
    "required": ["id", "path", "display_name", "contacts", "references", "holds_more"]
}
LIST_TOLD: Final[Schema] = {
    "type": "object",
    "required": ["address", "groups"],
    "properties": {"address": {"type": "string"}, "groups": {"type": "array", "items": GROUP_TOLD}},
}
CONTACT_TOLD: Final[Schema] = {
    "type": "object",
    "required": ["uri", "address", "world", "name", "groups"],
    "properties": {
        "uri": {"type": "string"},
        "address": NULLABLE,
        "world": WORLD,
        "name": {"type": "string"},
        "groups": {"type": "array", "items": {"type": "string"}},
    },
}
