"""Who may see whom, and how much: what an owner decided about a watcher, else the owner's rules, else the default of the domain.

A decision about one watcher (``Verdict``) comes from a page, a command or the API; rules are documents that a client keeps
(``presence.rule_book``); an owner always sees everything about himself.  Whoever holds decisions that were made from it (the
presence agent) listens, and is told which pair to decide again.

Implements: RFC 3856 section 6.6; RFC 5025 section 3.2.1 (the four handlings).
"""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Final, Protocol

from sip2xmpp.address import Address
from sip2xmpp.documents.permissions import Permissions
from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.store.interface import Change, Table
from sip2xmpp.store.records import Verdict, Virtual


class Handling(Enum):
    """What becomes of a subscription, from least to most; the values are those of ``sub-handling``."""

    BLOCK = "block"
    CONFIRM = "confirm"
    POLITE_BLOCK = "polite-block"
    ALLOW = "allow"


@frozen_value
class Judgement:
    """``permissions`` are what an allowed watcher is shown; None: everything."""

    handling: Handling
    permissions: Permissions | None = None


PLAIN: Final = {handling: Judgement(handling=handling) for handling in Handling}
"""The judgements that withhold nothing from whom is allowed."""


class Ground(Enum):
    """What a judgement rests on."""

    OWNER = "owner"
    """Nobody is kept from himself."""
    DECISION = "decision"
    """The owner decided about the very watcher."""
    RULES = "rules"
    VIRTUAL = "virtual"
    """What holds for addresses that nobody owns."""
    DOMAIN = "domain"
    """The default of the presentity's domain."""
    DEFAULT = "default"


class Rules(Protocol):
    """What owners laid down about more than one watcher."""

    def judge(self, presentity: Address, watcher: Address) -> Judgement | None:
        """What the rules of ``presentity`` say about ``watcher`` now; None when none of them does."""

    def listen(self, listener: Callable[[Address], None]) -> None:
        """Call ``listener(presentity)`` when its rules may say something else than before."""


class Policy:
    """Decisions of owners over defaults of domains.

    ``defaults`` maps a domain of presentities to what a watcher gets about whom nothing was decided; ``default`` is
    for every other domain.  Where ``virtual`` is given it goes before both for the addresses in ``virtuals``, which have no
    account, and so nobody who could decide.  ``rules`` are heard where nothing was decided about the very watcher; what that
    watcher is shown is up to them in any case.
    """

    def __init__(
        self,
        verdicts: Table[Verdict],
        *,
        default: Handling = Handling.ALLOW,
        defaults: Mapping[str, Handling] | None = None,
        virtuals: Table[Virtual] | None = None,
        virtual: Handling | None = None,
        rules: Rules | None = None,
    ) -> None:
        self._verdicts = verdicts
        self._virtuals = virtuals
        self._lay_down(default, defaults or {}, virtual)
        self._rules = rules
        self._listeners: list[Callable[[Address, Address | None], None]] = []
        verdicts.listen(lambda change: self._changed(change.record.presentity, change.record.watcher))
        if virtuals is not None:
            virtuals.listen(self._virtual_changed)
        if rules is not None:
            rules.listen(lambda presentity: self._changed(presentity, None))

    def decide(self, presentity: Address, watcher: Address) -> Handling:
        """How a subscription of ``watcher`` to ``presentity`` is handled now."""
        return self.judge(presentity, watcher).handling

    def judge(self, presentity: Address, watcher: Address) -> Judgement:
        """How a subscription of ``watcher`` to ``presentity`` is handled now, and what it shows."""
        if presentity == watcher:
            return PLAIN[Handling.ALLOW]
        ruled = None if self._rules is None else self._rules.judge(presentity, watcher)
        verdict = self._verdicts.get(f"{presentity} {watcher}")
        if verdict is not None:
            handling = Handling(verdict.handling)
            if ruled is not None and ruled.handling is handling:
                return ruled
            return PLAIN[handling]
        return ruled or self._otherwise(presentity)

    def verdict(self, presentity: Address, watcher: Address) -> Verdict | None:
        """What the owner decided about the very watcher."""
        return self._verdicts.get(f"{presentity} {watcher}")

    def ground(self, presentity: Address, watcher: Address) -> Ground:
        """What ``judge`` rests on for this pair now."""
        if presentity == watcher:
            return Ground.OWNER
        if self.verdict(presentity, watcher) is not None:
            return Ground.DECISION
        if self._rules is not None and self._rules.judge(presentity, watcher) is not None:
            return Ground.RULES
        if self._is_virtual(presentity):
            return Ground.VIRTUAL
        return Ground.DOMAIN if presentity.domain in self._defaults else Ground.DEFAULT

    def _is_virtual(self, presentity: Address) -> bool:
        return (
            self._virtual is not None
            and self._virtuals is not None
            and self._virtuals.get(str(presentity)) is not None
        )

    def _otherwise(self, presentity: Address) -> Judgement:
        """What holds where nothing was decided."""
        if self._virtual is not None and self._is_virtual(presentity):
            return self._virtual
        return self._defaults.get(presentity.domain, self._default)

    def lay_down(
        self,
        default: Handling,
        defaults: Mapping[str, Handling],
        virtual: Handling | None,
        concerned: Iterable[Address],
    ) -> None:
        """Have other defaults from now on; who watches somebody of those ``concerned`` is judged anew."""
        self._lay_down(default, defaults, virtual)
        for presentity in concerned:
            self._changed(presentity, None)

    def _lay_down(
        self, default: Handling, defaults: Mapping[str, Handling], virtual: Handling | None
    ) -> None:
        self._default = PLAIN[default]
        self._defaults = {domain: PLAIN[handling] for domain, handling in defaults.items()}
        self._virtual = None if virtual is None else PLAIN[virtual]

    def listen(self, listener: Callable[[Address, Address | None], None]) -> None:
        """Call ``listener(presentity, watcher)`` whenever the decision about that pair may have changed; None: about every watcher."""
        self._listeners.append(listener)

    def _virtual_changed(self, change: Change[Virtual]) -> None:
        if self._virtual is not None:
            self._changed(change.record.address, None)

    def _changed(self, presentity: Address, watcher: Address | None) -> None:
        for listener in self._listeners:
            listener(presentity, watcher)
