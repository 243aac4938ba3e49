"""Rules as values: who may do what under which conditions.

A ``Ruleset`` is a list of rules; each has conditions, all of which have to hold, a handling and what it provides.  A value says
what was stated, addresses and domains as they were written; what that means for a watcher is the business of
``presence.rules``.  ``documents.policy`` reads and writes them.

Implements: RFC 4745 section 7; RFC 5025 section 3; OMA XDM Core (``external-list``, ``other-identity``, ``anonymous-request``).
"""

from datetime import datetime
from enum import IntEnum
from typing import Final

from sip2xmpp.documents.permissions import Permissions
from sip2xmpp.documents.presence import frozen_value

COMMON_POLICY: Final = "urn:ietf:params:xml:ns:common-policy"
PRES_RULES: Final = "urn:ietf:params:xml:ns:pres-rules"
OMA_COMMON_POLICY: Final = "urn:oma:xml:xdm:common-policy"
OMA_PRES_RULES: Final = "urn:oma:xml:prs:pres-rules"
DIALOG_RULES: Final = "http://openxcap.org/ns/dialog-rules"


class SubHandling(IntEnum):
    """What becomes of a subscription; of several the highest counts (RFC 5025, section 3.2.1)."""

    BLOCK = 0
    CONFIRM = 10
    POLITE_BLOCK = 20
    ALLOW = 30


@frozen_value
class One:
    """The identity ``uri``, as it was written."""

    uri: str


@frozen_value
class Except:
    """Whom a ``Many`` leaves out: an identity or a domain; with neither, because it could not be read, everybody."""

    uri: str | None = None
    domain: str | None = None


@frozen_value
class Many:
    """Every identity, or every one of ``domain``, but for the exceptions."""

    domain: str | None = None
    excepts: tuple[Except, ...] = ()


@frozen_value
class Identity:
    """Holds for whom any of these names."""

    any_of: tuple[One | Many, ...]


@frozen_value
class Sphere:
    """Holds while the presentity is in one of these spheres; ``values`` are in lower case."""

    values: tuple[str, ...]


@frozen_value
class Validity:
    """Holds in any of these periods, from the first moment until just before the second."""

    periods: tuple[tuple[datetime, datetime], ...]


@frozen_value
class ExternalList:
    """Holds for the members of any of these lists, named by XCAP URIs, absolute or relative, as they were written."""

    references: tuple[str, ...]


@frozen_value
class OtherIdentity:
    """Holds for identities about which no other rule says anything."""


@frozen_value
class AnonymousRequest:
    """Holds for watchers that do not say who they are."""


@frozen_value
class UnknownCondition:
    """Never holds; ``name`` is the expanded name, ``{namespace}local``."""

    name: str


Condition = Identity | Sphere | Validity | ExternalList | OtherIdentity | AnonymousRequest | UnknownCondition


@frozen_value
class Rule:
    """One rule; ``conditions`` all have to hold.  ``transformations`` is None where the document has no such element."""

    id: str
    conditions: tuple[Condition, ...] = ()
    handling: SubHandling | None = None
    transformations: Permissions | None = None


@frozen_value
class Ruleset:
    """The rules of one document, in its order."""

    rules: tuple[Rule, ...] = ()
