"""The last word of an owner counts, whichever way it was said.

A decision about one watcher, from a page or a command, goes before the rules.  So it would stand for ever against a client that lays
down rules, and its user would wonder why nothing happens.  Therefore a decision is taken back when the owner lays down rules
by which that watcher is handled otherwise than by those before.  A decision that shows less than the new rules is only taken back by
rules about the very watcher, by address or as a member of a list: nobody who was blocked is let in again because a rule for
everybody is another one, or because the rule that had let him in is gone.  What makes rules say something else without the owner, such as the end of their validity, leaves decisions
alone.

To notice that, it is remembered what the rules say of those about whom a decision stands; of owners without rules nothing is.
"""

from typing import Final

from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.presence.policy import Handling
from sip2xmpp.presence.rule_book import RuleBook
from sip2xmpp.store.interface import Change, ChangeKind, Table
from sip2xmpp.store.records import Verdict

_FROM_LEAST: Final = (Handling.BLOCK, Handling.CONFIRM, Handling.POLITE_BLOCK, Handling.ALLOW)

_log = Logger()


@frozen_value
class _Said:
    """What rules say of a watcher; ``is_about``: a rule is about the very watcher."""

    handling: Handling | None = None
    is_about: bool = False


_NOTHING: Final = _Said()


class Reconciliation:
    """Takes back decisions in ``verdicts`` that ``book`` has overtaken."""

    def __init__(self, verdicts: Table[Verdict], book: RuleBook) -> None:
        self._verdicts = verdicts
        self._book = book
        self._said: dict[str, dict[Address, _Said]] = {}
        for verdict in verdicts.all():
            self._remember(verdict)
        verdicts.listen(self._verdict_changed)
        book.listen_to_owners(self._laid_down)
        book.listen(self._remember_all)

    def _says(self, presentity: Address, watcher: Address) -> _Said:
        judgement = self._book.judge(presentity, watcher)
        return _Said(
            handling=None if judgement is None else judgement.handling,
            is_about=self._book.singles_out(presentity, watcher),
        )

    def _remember(self, verdict: Verdict) -> None:
        if self._book.has_rules(verdict.presentity):
            known = self._said.setdefault(str(verdict.presentity), {})
            known[verdict.watcher] = self._says(verdict.presentity, verdict.watcher)

    def _remember_all(self, presentity: Address) -> None:
        self._said.pop(str(presentity), None)
        for verdict in self._verdicts.select(str(presentity)):
            self._remember(verdict)

    def _verdict_changed(self, change: Change[Verdict]) -> None:
        verdict = change.record
        if change.kind is ChangeKind.PUT:
            self._remember(verdict)
            return
        known = self._said.get(str(verdict.presentity))
        if known is not None:
            known.pop(verdict.watcher, None)
            if not known:
                del self._said[str(verdict.presentity)]

    def _laid_down(self, presentity: Address) -> None:
        """The owner changed the rules, or a list that they name."""
        before = dict(self._said.get(str(presentity), {}))
        for verdict in self._verdicts.select(str(presentity)):
            now = self._says(presentity, verdict.watcher)
            if _overtakes(verdict, before.get(verdict.watcher, _NOTHING), now):
                _log.info(
                    "the rules of {presentity} overtake the decision about {watcher}",
                    presentity=str(presentity),
                    watcher=str(verdict.watcher),
                )
                self._verdicts.remove(verdict.key)
        self._remember_all(presentity)


def _overtakes(verdict: Verdict, before: _Said, now: _Said) -> bool:
    """Whether the last word about a watcher is that of the rules."""
    if now.handling is before.handling:
        return False
    if now.is_about:
        return True
    decided = Handling(verdict.handling)
    withdrawn = before.handling if before.is_about else None
    if withdrawn is not None and (withdrawn is not Handling.ALLOW or decided is Handling.ALLOW):
        return True
    return now.handling is not None and _FROM_LEAST.index(now.handling) <= _FROM_LEAST.index(decided)
