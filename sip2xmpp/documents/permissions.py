"""What the rules of a presentity let a watcher see: the union of what every rule that applies provides.

``None`` in place of permissions means that nothing is withheld.  A value of these provides what it names and nothing else.

Implements: RFC 5025 section 3.3 (transformations); RFC 4745 section 10 (combining); OMA Presence XDM (extensions of both).
"""

from enum import Enum, IntEnum
from typing import Final

from sip2xmpp.documents.presence import frozen_value

ATTRIBUTES: Final = frozenset(
    (
        "activities",
        "class",
        "deviceID",
        "mood",
        "note",
        "place-is",
        "place-type",
        "privacy",
        "relationship",
        "sphere",
        "status-icon",
        "time-offset",
    )
)
"""Attributes that are provided or not (RFC 5025, sections 3.3.2.1 to 3.3.2.11 and 3.3.2.13)."""

OMA_ATTRIBUTES: Final = frozenset(
    (
        "barring-state",
        "geopriv",
        "network-availability",
        "registration-state",
        "session-participation",
        "willingness",
    )
)
"""Those of the Open Mobile Alliance."""


class UserInputDetail(IntEnum):
    """How much of user input is shown (RFC 5025, section 3.3.2.12); the more detailed of two wins."""

    NONE = 0
    BARE = 10
    THRESHOLDS = 20
    FULL = 30


class By(Enum):
    """What selects a tuple, device or person (RFC 5025, section 3.3.1; ``service-id`` is OMA's)."""

    ALL = "all"
    SERVICE_URI = "service-uri"
    SERVICE_URI_SCHEME = "service-uri-scheme"
    SERVICE_ID = "service-id"
    DEVICE_ID = "deviceID"
    CLASS = "class"
    OCCURRENCE = "occurrence-id"


@frozen_value
class Selected:
    """Those elements of which ``by`` is ``value``; with ``By.ALL`` every one, and ``value`` is empty."""

    by: By
    value: str = ""


EVERY: Final = frozenset((Selected(by=By.ALL),))


@frozen_value
class Permissions:
    """What is provided.

    ``attributes`` are the names of RFC 5025 section 3.3.2 without ``provide-`` (``activities``, ``mood``, ``note`` and so on), and those of OMA; ``unknown`` are expanded names, namespace and local name, of other elements; ``all_attributes`` provides every attribute, known or not.
    """

    services: frozenset[Selected] = frozenset()
    devices: frozenset[Selected] = frozenset()
    persons: frozenset[Selected] = frozenset()
    attributes: frozenset[str] = frozenset()
    user_input: UserInputDetail = UserInputDetail.NONE
    unknown: frozenset[tuple[str, str]] = frozenset()
    all_attributes: bool = False

    def __or__(self, other: "Permissions") -> "Permissions":
        """What either provides."""
        return Permissions(
            services=self.services | other.services,
            devices=self.devices | other.devices,
            persons=self.persons | other.persons,
            attributes=self.attributes | other.attributes,
            user_input=max(self.user_input, other.user_input),
            unknown=self.unknown | other.unknown,
            all_attributes=self.all_attributes or other.all_attributes,
        )

    @property
    def shows_state(self) -> bool:
        """Whether what a human does is shown, whoever tells of it."""
        return bool(self.persons & EVERY) and (self.all_attributes or "activities" in self.attributes)

    def reduced(self) -> "Permissions":
        """The same without what the rest includes, so that those who may see the same have equal permissions."""
        # Sub-states are shown by their names where no person is, and then only so.
        is_named = not (self.all_attributes and self.persons & EVERY)
        return Permissions(
            services=EVERY if self.services & EVERY else self.services,
            devices=EVERY if self.devices & EVERY else self.devices,
            persons=EVERY if self.persons & EVERY else self.persons,
            attributes=frozenset() if self.all_attributes else self.attributes,
            user_input=UserInputDetail.NONE if self.all_attributes else self.user_input,
            unknown=self.unknown if is_named else frozenset(),
            all_attributes=self.all_attributes,
        )


NOTHING: Final = Permissions()
EVERYTHING: Final = Permissions(services=EVERY, devices=EVERY, persons=EVERY, all_attributes=True)
