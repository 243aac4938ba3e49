"""Who may see whom: what an owner decided about a watcher, or else the default of the owner's domain.

``Policy.decide`` reads the verdicts of the store, and an owner always sees everything about himself.  Whoever holds
decisions that were made from it (the presence agent) listens, and is told which pair to decide again.

Implements: RFC 3856 section 6.6; RFC 5025 section 3.2.1 (the four handlings).
"""

from collections.abc import Callable, Mapping
from enum import Enum

from sip2xmpp.address import Address
from sip2xmpp.store.interface import Table
from sip2xmpp.store.records import Verdict, Virtual


class Handling(Enum):
    """What becomes of a subscription, from least to most; the values are those of ``sub-handling``."""

    BLOCK = "block"
    CONFIRM = "confirm"
    POLITE_BLOCK = "polite-block"
    ALLOW = "allow"


class Policy:
    """Decisions of owners over defaults of domains.

    ``defaults`` maps a domain of presentities to what a watcher gets about whom nothing was decided; ``default`` is
    for every other domain.  Where ``virtual`` is given it goes before both for the addresses in ``virtuals``, which have no
    account, and so nobody who could decide.
    """

    def __init__(
        self,
        verdicts: Table[Verdict],
        *,
        default: Handling = Handling.ALLOW,
        defaults: Mapping[str, Handling] | None = None,
        virtuals: Table[Virtual] | None = None,
        virtual: Handling | None = None,
    ) -> None:
        self._verdicts = verdicts
        self._default = default
        self._defaults = dict(defaults or {})
        self._virtuals = virtuals if virtual is not None else None
        self._virtual = virtual
        self._listeners: list[Callable[[Address, Address | None], None]] = []
        verdicts.listen(lambda change: self._changed(change.record.presentity, change.record.watcher))
        if self._virtuals is not None:
            self._virtuals.listen(lambda change: self._changed(change.record.address, None))

    def decide(self, presentity: Address, watcher: Address) -> Handling:
        """How a subscription of ``watcher`` to ``presentity`` is handled now."""
        if presentity == watcher:
            return Handling.ALLOW
        verdict = self._verdicts.get(f"{presentity} {watcher}")
        if verdict is not None:
            return Handling(verdict.handling)
        if (
            self._virtual is not None
            and self._virtuals is not None
            and self._virtuals.get(str(presentity)) is not None
        ):
            return self._virtual
        return self._defaults.get(presentity.domain, self._default)

    def listen(self, listener: Callable[[Address, Address | None], None]) -> None:
        """Call ``listener(presentity, watcher)`` whenever the decision about that pair may have changed; None: about every watcher."""
        self._listeners.append(listener)

    def _changed(self, presentity: Address, watcher: Address | None) -> None:
        for listener in self._listeners:
            listener(presentity, watcher)
