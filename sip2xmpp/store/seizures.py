"""The row of an appearance of a shared line that somebody has; see ``presence.lines``."""

from sip2xmpp.address import Address
from sip2xmpp.store.records import frozen_record


@frozen_record
class Seizure:
    """An appearance of a shared line that somebody has: the call ``dialog`` in the publication whose key is ``owner``.

    ``since`` is when it was seized.
    """

    line: Address
    number: int
    owner: str
    dialog: str
    since: float
    expires_at: float | None = None

    @property
    def key(self) -> str:
        return f"{self.line} {self.number}"

    @property
    def group(self) -> str:
        return str(self.line)
