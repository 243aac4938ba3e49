"""The row of what phones say themselves; like those of ``records``, which are kept for much longer."""

from sip2xmpp.address import Address
from sip2xmpp.store.records import Common, frozen_record


@frozen_record
class Observation:
    """What a registered phone said when it was asked, until the phone or its subscription is gone.

    ``binding`` is the key of its binding; ``document`` is one of ``package``, PIDF for presence.  A package that begins with ``no``
    means that the phone does not answer, as long as the registration is that which ``document`` names.  ``changed_at`` is when its
    content last changed.
    """

    presentity: Address
    package: Common
    binding: str
    user_agent: Common
    document: bytes
    changed_at: float
    expires_at: float | None = None

    @property
    def key(self) -> str:
        return f"{self.package} {self.binding}"

    @property
    def group(self) -> str:
        return str(self.presentity)
