"""What the rules of a presentity let a watcher see: the union of what every rule that applies provides.

``None`` in place of permissions means that nothing is withheld.  A value of these provides what it names and nothing else.

Implements: RFC 5025 section 3.3 (transformations); RFC 4745 section 10 (combining).
"""

from enum import Enum, IntEnum
from typing import Final

from sip2xmpp.documents.presence import frozen_value


class UserInputDetail(IntEnum):
    """How much of user input is shown (RFC 5025, section 3.3.2.12); the more detailed of two wins."""

    NONE = 0
    BARE = 10
    THRESHOLDS = 20
    FULL = 30


class By(Enum):
    """What selects a tuple, device or person (RFC 5025, section 3.3.1)."""

    ALL = "all"
    SERVICE_URI = "service-uri"
    SERVICE_URI_SCHEME = "service-uri-scheme"
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

    ``attributes`` are the names of RFC 5025 section 3.3.2 without ``provide-`` (``activities``, ``mood``, ``note`` and so on); ``unknown`` are expanded names, namespace and local name, of other elements; ``all_attributes`` provides every attribute, known or not.
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
