"""NOTIFYs that come in, each to whoever made the subscription that it belongs to.

Implements: RFC 6665 section 4.1.3 (a NOTIFY that matches no subscription is answered 481, by the gate).
"""

from collections.abc import Iterable
from typing import Protocol

from sip2xmpp.sip.message import Request
from sip2xmpp.sip.server_transaction import ServerTransaction


class Subscriber(Protocol):
    """Somebody with subscriptions of its own; it knows them by Call-ID and our tag, so it says quickly which are not."""

    def notify_received(self, transaction: ServerTransaction, request: Request) -> bool:
        """Take a NOTIFY if it belongs to a subscription made here; False if it does not."""


class Notified:
    """All who subscribe."""

    def __init__(self, subscribers: Iterable[Subscriber] = ()) -> None:
        self._subscribers = list(subscribers)

    def add(self, subscriber: Subscriber) -> None:
        """One more."""
        self._subscribers.append(subscriber)

    def notify_received(self, transaction: ServerTransaction, request: Request) -> bool:
        """Give a NOTIFY to whom it is for; False if it is for nobody."""
        return any(one.notify_received(transaction, request) for one in self._subscribers)
