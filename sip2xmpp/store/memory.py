"""The store of trials and tests: everything of the real one but durability.

``memory:`` in the configuration.  ``after_commit`` calls at once, since there is nothing to wait for; expiry, order and
change feed are those of every engine, because they come from the same tables.
"""

from twisted.internet.defer import Deferred, succeed

from sip2xmpp.store.interface import Told
from sip2xmpp.store.tables import Tables


class MemoryStore(Tables):
    """A ``Store`` that a restart empties."""

    def after_commit(self, call: Told) -> None:
        """``call(None)`` at once."""
        call(None)

    def close(self) -> Deferred[None]:
        """Stop the expiry."""
        for table in self._live.values():
            table.stop()
        return succeed(None)
