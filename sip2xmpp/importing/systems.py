r"""What the tables of other servers mean: one row for each system, so that what differs between them is data.

====================  ===============================  ==============================  ==============================
\                     OpenSIPS                         OpenXCAP                        Kamailio
====================  ===============================  ==============================  ==============================
hashes of passwords   ``ha1``, ``ha1_sha256``          ``ha1``                         ``ha1``, ``ha1b`` (of user@domain)
``xcap.doc_type``     bits 1 to 5                      bits 1 to 7                     bits 1 to 9, other ones from 5 on
``xcap.doc_uri``      the name of the document         the name of the document        its whole path on the server
``watchers.status``   1 active, 2 pending, 3 terminated, 4 waiting
====================  ===============================  ==============================  ==============================

Kamailio has one number for both kinds of presence rules; the path tells them apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final


class WatcherStatus(Enum):
    """The states of a watcher, as all three number them."""

    ACTIVE = "1"
    PENDING = "2"
    TERMINATED = "3"
    WAITING = "4"


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One kind of server.  ``usages`` is ``doc_type`` -> application usage; ``has_paths``: ``doc_uri`` is a whole path."""

    name: str
    usages: Mapping[str, str]
    has_paths: bool = False


_COMMON: Final = {
    2: "pres-rules",
    4: "resource-lists",
    8: "rls-services",
    16: "pidf-manipulation",
}


def _usages(more: Mapping[int, str]) -> dict[str, str]:
    return {str(number): auid for number, auid in {**_COMMON, **more}.items()}


_OPENXCAP: Final = {
    32: "org.openmobilealliance.pres-rules",
    64: "org.openmobilealliance.pres-content",
    128: "org.openxcap.dialog-rules",
}
_KAMAILIO: Final = {
    32: "xcap-caps",
    64: "org.openmobilealliance.user-profile",
    128: "org.openmobilealliance.pres-content",
    256: "org.openmobilealliance.search",
    512: "org.openmobilealliance.xcap-directory",
}

SYSTEMS: Final[Mapping[str, System]] = {
    system.name: system
    for system in (
        # OpenSIPS reads the table that OpenXCAP writes, which knows more kinds.
        System(name="opensips", usages=_usages(_OPENXCAP)),
        System(name="openxcap", usages=_usages(_OPENXCAP)),
        System(name="kamailio", usages=_usages(_KAMAILIO), has_paths=True),
    )
}
"""By the names that an operator types."""
