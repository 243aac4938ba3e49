"""The rules that owners keep as documents, ready to be asked about a watcher.

The truth is the table of documents; what is made of it is kept by owner, a bounded number of them, and thrown away when a document of
the owner changes.  Whoever was told what rules say is told when that may be another thing: at once after a change of a document, in
the second in which the validity of a rule begins or ends, when the owner is in another sphere, and when a list that
a rule refers to has other members.  For the last three something small is remembered of those owners alone whose rules look at
it, from the first question about them on; so what costs everybody is a look into a dictionary.

A document that cannot be read shows nobody anything, and keeps whoever is not named elsewhere waiting; see ``RuleIndex``.

Implements: RFC 5025 sections 3 and 9; RFC 4745 section 10.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.documents import policy
from sip2xmpp.documents.policy import Identity, Rule
from sip2xmpp.errors import BadDocument
from sip2xmpp.presence.policy import Judgement
from sip2xmpp.presence.rule_index import RuleIndex
from sip2xmpp.presence.rules import Facts, Names, address_of, identities_of
from sip2xmpp.presence.spheres import UNKNOWN, SphereNow
from sip2xmpp.store.documents import GLOBAL, Document
from sip2xmpp.store.expiry import Deadlines
from sip2xmpp.store.interface import Change, Store

PRES_RULES: Final = "pres-rules"
OMA_PRES_RULES: Final = "org.openmobilealliance.pres-rules"
DIALOG_RULES: Final = "org.openxcap.dialog-rules"
RESOURCE_LISTS: Final = "resource-lists"

PRESENCE: Final[Mapping[str, bool]] = {PRES_RULES: False, OMA_PRES_RULES: True}
"""The application usages with rules of presence -> whether a bare ``allow`` shows everything there.

COMPAT: Blink lays down in the OMA documents that its contacts are allowed, without a word of what they are shown, and means everything."""

DIALOGS: Final[Mapping[str, bool]] = {DIALOG_RULES: True}
"""Those with rules of calls, which know of no parts."""

JITSI_DOCUMENT: Final = "presrules"
JITSI_RULES: Final = frozenset(("presence_allow", "presence_block", "presence_polite_block"))
"""COMPAT: Jitsi keeps three lists of contacts as rules, and takes the ``identity`` out of one that has nobody any more.  By RFC 4745
that rule would be for everybody: whoever blocks a first contact there would let in all the world, the contact included."""

HELD: Final = 10_000
"""Owners whose rules are kept ready."""

_log = Logger()


class RuleBook:
    """Rules of presentities; implements ``presence.policy.Rules``.

    ``usages`` are application usages, and whether a bare ``allow`` shows everything.  ``sphere(presentity)`` says where the
    presentity says to be, from all that is known of it; whoever builds this calls ``sources_changed`` when it may be
    elsewhere.  ``in_list(owner, reference, watcher)`` says whether a resource list that ``owner`` refers to holds a watcher; it
    has to know of a change of a document already when this one hears of it, so it listens to the store before, and
    ``lists_changed`` is called for changes of other origin.  ``names`` reads identities in documents.
    """

    def __init__(
        self,
        store: Store,
        clock: IReactorTime,
        *,
        usages: Mapping[str, bool] = PRESENCE,
        sphere: Callable[[Address], SphereNow] = lambda _: UNKNOWN,
        in_list: Callable[[str, str, Address], bool] = lambda _owner, _reference, _watcher: False,
        names: Names = address_of,
        held: int = HELD,
    ) -> None:
        self._documents = store.documents
        self._clock = clock
        self._usages = dict(usages)
        self._sphere = sphere
        self._in_list = in_list
        self._names = names
        self._limit = held
        self._held: OrderedDict[str, RuleIndex] = OrderedDict()
        self._spheres: dict[str, SphereNow] = {}
        self._with_lists: dict[str, frozenset[str]] = {}
        self._boundaries: dict[str, float] = {}
        self._deadlines = Deadlines(clock, self._boundary_passed)
        self._listeners: list[Callable[[Address], None]] = []
        self._edit_listeners: list[Callable[[Address], None]] = []
        store.documents.listen(self._document_changed)

    def judge(self, presentity: Address, watcher: Address) -> Judgement | None:
        """What the rules of ``presentity`` say about ``watcher`` now; None when none of them does."""
        owner = str(presentity)
        index = self._held.get(owner)
        if index is None:
            # Most have no documents, and everybody who is watched is asked about.
            index = self._index(presentity) if self._documents.select(owner) else None
            if index is None:
                return None
        else:
            self._held.move_to_end(owner)
        return index.judge(self._facts(owner, watcher))

    def consulted(self, presentity: Address) -> list[tuple[Document, tuple[Rule, ...] | None]]:
        """The documents that are heard about ``presentity``, with their rules; None for one that cannot be read."""
        return [
            (each, self._rules(each))
            for each in self._documents.select(str(presentity))
            if each.auid in self._usages
        ]

    def has_rules(self, presentity: Address) -> bool:
        """Whether there is a document that is heard about ``presentity``."""
        return self._index(presentity) is not None

    def singles_out(self, presentity: Address, watcher: Address) -> bool:
        """Whether a rule of ``presentity`` is about this very watcher, by its address or as a member of a list."""
        index = self._index(presentity)
        return index is not None and index.singles_out(self._facts(str(presentity), watcher))

    def facts(self, presentity: Address, watcher: Address) -> Facts:
        """What conditions of the rules of ``presentity`` are compared with for ``watcher`` now."""
        self._index(presentity)
        return self._facts(str(presentity), watcher)

    def bare_allow(self, auid: str) -> bool:
        """Whether a rule that allows and does not say what shows everything, in documents of this application usage."""
        return self._usages.get(auid, False)

    # changes

    def listen(self, listener: Callable[[Address], None]) -> None:
        """Call ``listener(presentity)`` when its rules may say something else than before."""
        self._listeners.append(listener)

    def listen_to_owners(self, listener: Callable[[Address], None]) -> None:
        """Call ``listener(presentity)`` when it laid down something else, before those are told who listen to any change."""
        self._edit_listeners.append(listener)

    def sources_changed(self, presentity: Address) -> None:
        """Something that is known of ``presentity`` is another thing; its sphere may be."""
        if self._spheres and str(presentity) in self._spheres:
            self._look_at_sphere(presentity)

    def lists_changed(self, owner: str, reference: str) -> None:
        """A list that ``owner`` refers to has other members."""
        if reference in self._with_lists.get(owner, ()):
            self._changed(Address.parse(owner))

    # the rest

    def _index(self, presentity: Address) -> RuleIndex | None:
        """The rules of a presentity made ready; None for whoever has none."""
        owner = str(presentity)
        index = self._held.get(owner)
        if index is not None:
            return index
        read = self.consulted(presentity)
        if not read:
            return None
        index = RuleIndex(
            [(rule, self._usages[document.auid]) for document, rules in read for rule in rules or ()],
            self._names,
            is_damaged=any(rules is None for _, rules in read),
        )
        self._held[owner] = index
        while len(self._held) > self._limit:
            self._held.popitem(last=False)
        if index.lists:
            self._with_lists[owner] = index.lists
        if index.looks_at_sphere and owner not in self._spheres:
            self._spheres[owner] = self._sphere(presentity)
        self._wait(owner, index)
        return index

    def _facts(self, owner: str, watcher: Address) -> Facts:
        sphere = self._spheres.get(owner) if self._spheres else None
        return Facts(
            identities=identities_of(watcher),
            now=self._clock.seconds(),
            sphere=None if sphere is None else sphere.name,
            in_list=lambda reference, identity: self._in_list(owner, reference, identity),
            names=self._names,
        )

    def _rules(self, document: Document) -> tuple[Rule, ...] | None:
        try:
            rules = policy.read(document.octets).rules
        except BadDocument as why:
            _log.warn("the rules {key} cannot be read: {why}", key=document.key, why=str(why))
            return None
        if document.name == JITSI_DOCUMENT:
            return tuple([_as_jitsi_means(rule) for rule in rules])
        return rules

    def _wait(self, owner: str, index: RuleIndex) -> None:
        """Have the next moment told at which the rules say something else by themselves."""
        now = self._clock.seconds()
        sphere = self._spheres.get(owner)
        moments = [
            moment
            for moment in (index.changes_at(now), None if sphere is None else sphere.changes_at)
            if moment is not None and moment > now
        ]
        before = self._boundaries.pop(owner, None)
        if before is not None:
            self._deadlines.discard(owner, before)
        if moments:
            self._boundaries[owner] = at = min(moments)
            self._deadlines.add(owner, at)

    def _boundary_passed(self, owner: str) -> None:
        at = self._boundaries.get(owner)
        if at is None or at > self._clock.seconds():
            return
        del self._boundaries[owner]
        presentity = Address.parse(owner)
        if owner in self._spheres:
            self._spheres[owner] = self._sphere(presentity)
        index = self._index(presentity)
        if index is not None:
            self._wait(owner, index)
            self._changed(presentity)

    def _look_at_sphere(self, presentity: Address) -> None:
        owner = str(presentity)
        before = self._spheres[owner]
        now = self._spheres[owner] = self._sphere(presentity)
        if now == before:
            return
        index = self._index(presentity)
        if index is not None:
            self._wait(owner, index)
        if now.name != before.name:
            self._changed(presentity)

    def _document_changed(self, change: Change[Document]) -> None:
        document = change.record
        owner = document.owner
        if owner == GLOBAL:
            return
        if document.auid in self._usages:
            self._forget(owner)
        elif document.auid != RESOURCE_LISTS or owner not in self._with_lists:
            return
        presentity = Address.parse(owner)
        for listener in self._edit_listeners:
            listener(presentity)
        self._changed(presentity)

    def _forget(self, owner: str) -> None:
        self._held.pop(owner, None)
        self._spheres.pop(owner, None)
        self._with_lists.pop(owner, None)
        before = self._boundaries.pop(owner, None)
        if before is not None:
            self._deadlines.discard(owner, before)

    def _changed(self, presentity: Address) -> None:
        for listener in self._listeners:
            listener(presentity)


def _as_jitsi_means(rule: Rule) -> Rule:
    if rule.conditions or rule.id not in JITSI_RULES:
        return rule
    return replace(rule, conditions=(Identity(any_of=()),))
