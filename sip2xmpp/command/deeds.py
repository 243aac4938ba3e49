"""What commands change is in the audit log: who typed which, in one transaction with the change itself."""

import getpass
import os
import time
from typing import Protocol

from sip2xmpp.portal.audit import is_again
from sip2xmpp.store.keeping import Deed, make_deed
from sip2xmpp.store.offline import OfflineTable

BY = "command"
"""The way by which a command does something."""


class Recorded(Protocol):
    """A store that has the audit log."""

    @property
    def deeds(self) -> OfflineTable[Deed]: ...


def record(store: Recorded, what: str, about: object = "") -> None:
    """Write that whoever runs this command did ``what`` to ``about``."""
    deed = make_deed(time.time(), who=login_name(), by=BY, what=what, about=str(about))
    lines = store.deeds.select(deed.about)
    if not is_again(deed, max(lines, key=lambda line: line.at, default=None)):
        store.deeds.put(deed)


def login_name() -> str:
    """Who runs this command, also by ``sudo``; its number where it has no name."""
    name = os.environ.get("SUDO_USER", "")
    if name and os.getuid() == 0:
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
