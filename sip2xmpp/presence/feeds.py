"""What the presence agent hears beside PUBLISH: one feed for each kind of source.

A feed answers from what the store holds, keeps no truth of its own, and says whose sources may have changed.  The agent asks
it again on a later turn, and tells watchers only if the composed document is another one; so a feed may say too often that
something changed, but never too seldom.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from sip2xmpp.address import Address
from sip2xmpp.presence.hearing import Source
from sip2xmpp.store.records import Publication


class Feed(Protocol):
    """One kind of source of our presentities: registrations, calls, statements, what phones answer."""

    def sources(self, presentity: Address, published: Sequence[Publication]) -> Sequence[Source]:
        """What is known of ``presentity`` now; ``published`` are its live publications of presence.

        The same object again for a source that did not change, or an equal one.  A document that says something about a
        span of time (``Presence.changes_at``) is read anew at every call: what holds now is another thing later.
        """

    def listen(self, changed: Callable[[Address], None]) -> None:
        """Call ``changed(presentity)`` whenever ``sources`` may answer otherwise than before."""
