"""What the API consists of: one table of operations, from which it is served and described.

An operation has a method, a path with places in braces, the right it needs, its query, its bodies and its answers.  The
``serve`` of it gets a ``Call`` in which all of that has been checked.  What a *conditional* operation reads or changes has an
entity tag, and its ``Call`` bears the conditions of the client.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sip2xmpp.address import Address
from sip2xmpp.portal.shapes import Member, Schema
from sip2xmpp.portal.tokens import Right, Token
from sip2xmpp.xcap.conditions import ALWAYS, Conditions

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that may be served.  ``media`` is the type of ``body``, empty where there is none.

    ``addresses`` are those of the path, by the name of their place, and ``names`` what else stands there; ``query`` holds what
    was given of it.
    """

    token: Token
    addresses: Mapping[str, Address]
    query: Mapping[str, Any]
    media: str
    body: bytes
    names: Mapping[str, str] = field(default_factory=dict)
    conditions: Conditions = ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered: a JSON value, or nothing with 204.

    ``done`` is what the audit log says of a change, and ``about`` whom it concerns where the path has no address.

    ``etag`` is the tag of what was read or is there now, where it has one; ``location`` is the path of what was ``created``.
    """

    value: object = None
    done: str = ""
    about: str = ""
    etag: str = ""
    created: bool = False
    location: str = ""

    @property
    def status(self) -> int:
        """The status code."""
        return 204 if self.value is None else 201 if self.created else 200


Serve = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path.

    ``bodies`` maps media types to schemas; with ``body_required`` False the body may be absent.  ``answer`` is the schema of
    the answer, None for 204.  ``refuses`` says what else may come, beside what may come of every operation.  With ``creates``
    the answer may be 201.  ``body_limit`` is the octets of a body that may have more than others.
    """

    method: str
    path: str
    name: str
    summary: str
    about: str
    right: Right
    serve: Serve
    query: Mapping[str, Member] = field(default_factory=dict)
    bodies: Mapping[str, Schema] = field(default_factory=dict)
    body_required: bool = True
    answer: Schema | None = None
    refuses: Mapping[int, str] = field(default_factory=dict)
    conditional: bool = False
    creates: bool = False
    body_limit: int = 0


PLACES: Final[Mapping[str, str]] = {
    "address": "The presentity, as in weather@sip.example.org; an address of a domain of ours.",
    "watcher": "A SIP or Jabber user, as in juliet@jabber.example.",
    "presentity": "A SIP or Jabber user who is watched, or a list, as in bob@sip.example.org.",
}
"""What may stand in braces in a path and is an address."""

NAMES: Final[Mapping[str, str]] = {
    "contact": "A contact: the URI in the list, or the address that it means, as in juliet@jabber.example.",
    "group": "The `id` of a group, as reading the contacts tells it.",
    "publication": "The `id` of a publication.",
    "dialog": "The `id` of a dialog.",
    "watcher_jid": "The bare JID of a watcher, as an authorization has it.",
    "contact_jid": "The bare JID of a contact, as an authorization has it.",
    "domain": "A domain, as in example.net; an address stands for its domain.",
    "token": "The name of a token.",
}
"""What else may stand there."""

NAME_LIMIT: Final = 600
"""Characters of a name in a path: so many of any kind are percent-encoded on one line that Twisted reads."""

NAME_SCHEMA: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": NAME_LIMIT}

PLACE_SCHEMA: Final[Schema] = {
    "type": "string",
    "minLength": 3,
    "maxLength": 1000,
    "pattern": "^[^@]+@[^@]+$",
}
