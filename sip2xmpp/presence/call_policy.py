"""Who may see whose calls: what the owner's rules of calls say, and where there are none, whoever may see the presence.

Rules of calls are documents of their own (``org.openxcap.dialog-rules``), written like those of presence.  Where somebody keeps one it
alone is heard about calls, but for a decision about the very watcher, which counts for presence and calls alike.  A call is a state
of the human: where the rules of presence count, whoever is not shown that state sees none.

Implements: RFC 4235 section 3.6 (authorization) by the rules of RFC 4745.
"""

from collections.abc import Callable
from typing import Final

from sip2xmpp.address import Address
from sip2xmpp.presence.policy import Handling, Policy
from sip2xmpp.presence.rule_book import DIALOG_RULES
from sip2xmpp.store.interface import Store

AUID: Final = DIALOG_RULES


class CallPolicy:
    """``calls`` is a policy with the rules of calls, ``presence`` that of presence."""

    def __init__(self, store: Store, *, calls: Policy, presence: Policy) -> None:
        self._documents = store.documents
        self._calls = calls
        self._presence = presence

    def decide(self, presentity: Address, watcher: Address) -> Handling:
        """How a subscription of ``watcher`` to the calls of ``presentity`` is handled now."""
        policy = self.of(presentity)
        judgement = policy.judge(presentity, watcher)
        shown = judgement.permissions
        if policy is self._presence and shown is not None and not shown.shows_state:
            return Handling.POLITE_BLOCK
        return judgement.handling

    def of(self, presentity: Address) -> Policy:
        """The policy that governs the calls of ``presentity``."""
        for document in self._documents.select(str(presentity)):
            if document.auid == AUID:
                return self._calls
        return self._presence

    def listen(self, listener: Callable[[Address, Address | None], None]) -> None:
        """Call ``listener(presentity, watcher)`` whenever the decision about that pair may have changed; None: about every watcher."""
        self._calls.listen(listener)
        self._presence.listen(listener)
