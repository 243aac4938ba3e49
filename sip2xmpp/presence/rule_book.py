"""The rules that owners keep as documents, ready to be asked about a watcher.

The truth is the table of documents; what is made of it is kept by owner and thrown away when a document of the owner changes.
Whoever was told what rules say is told when that may be another thing: at once after a change of a document.

Implements: RFC 5025 sections 3 and 9; RFC 4745 section 10.
"""

from collections.abc import Callable, Mapping
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.documents import policy
from sip2xmpp.documents.policy import Rule
from sip2xmpp.errors import BadDocument
from sip2xmpp.presence.policy import Judgement
from sip2xmpp.presence.rules import Facts, evaluate, identities_of, matching
from sip2xmpp.store.documents import Document
from sip2xmpp.store.interface import Change, Store

PRES_RULES: Final = "pres-rules"
OMA_PRES_RULES: Final = "org.openmobilealliance.pres-rules"
DIALOG_RULES: Final = "org.openxcap.dialog-rules"

PRESENCE: Final[Mapping[str, bool]] = {PRES_RULES: False, OMA_PRES_RULES: True}
"""The application usages with rules of presence -> whether a bare ``allow`` shows everything there.

COMPAT: Blink lays down in the OMA documents that its contacts are allowed, without a word of what they are shown, and means everything."""

DIALOGS: Final[Mapping[str, bool]] = {DIALOG_RULES: True}
"""Those with rules of calls, which know of no parts."""


_log = Logger()


class RuleBook:
    """Rules of presentities; implements ``presence.policy.Rules``.

    ``usages`` are application usages, and whether a bare ``allow`` shows everything.  ``sphere(presentity)`` says where the presentity says to be, None: unknown;
    ``in_list(owner, reference, watcher)`` whether a resource list that ``owner`` refers to holds a watcher; ``meaning`` gives the address behind one
    that stands inside the gateway domain.
    """

    def __init__(
        self,
        store: Store,
        clock: IReactorTime,
        *,
        usages: Mapping[str, bool] = PRESENCE,
        sphere: Callable[[Address], str | None] = lambda _: None,
        in_list: Callable[[Address, str, Address], bool] = lambda _owner, _reference, _watcher: False,
        meaning: Callable[[Address], Address] = lambda address: address,
    ) -> None:
        self._documents = store.documents
        self._clock = clock
        self._usages = dict(usages)
        self._sphere = sphere
        self._in_list = in_list
        self._meaning = meaning
        self._listeners: list[Callable[[Address], None]] = []
        store.documents.listen(self._document_changed)

    def judge(self, presentity: Address, watcher: Address) -> Judgement | None:
        """What the rules of ``presentity`` say about ``watcher`` now; None when none of them does."""
        documents = self._documents.select(str(presentity))
        if not documents:
            return None
        facts = self.facts(presentity, watcher)
        rules: list[Rule] = []
        for each in documents:
            if each.auid in self._usages:
                rules.extend(self._rules(each) or ())
        return evaluate(rules, facts, bare_allow=True)

    def matching(self, presentity: Address, watcher: Address) -> list[tuple[Document, Rule]]:
        """The rules that say something about ``watcher`` now, with the documents they stand in."""
        facts = self.facts(presentity, watcher)
        pairs = [
            (each, rule)
            for each in self._documents.select(str(presentity))
            if each.auid in self._usages
            for rule in self._rules(each) or ()
        ]
        found = matching([rule for _, rule in pairs], facts)
        return [(document, rule) for document, rule in pairs if any(rule is each for each in found)]

    def consulted(self, presentity: Address) -> list[tuple[Document, tuple[Rule, ...] | None]]:
        """The documents that are heard about ``presentity``, with their rules; None for one that cannot be read."""
        return [
            (each, self._rules(each))
            for each in self._documents.select(str(presentity))
            if each.auid in self._usages
        ]

    def listen(self, listener: Callable[[Address], None]) -> None:
        """Call ``listener(presentity)`` when its rules may say something else than before."""
        self._listeners.append(listener)

    def facts(self, presentity: Address, watcher: Address) -> Facts:
        """What conditions of the rules of ``presentity`` are compared with for ``watcher`` now."""
        return Facts(
            identities=identities_of(watcher),
            now=self._clock.seconds(),
            sphere=self._sphere(presentity),
            in_list=lambda reference, identity: self._in_list(presentity, reference, identity),
        )

    def _rules(self, document: Document) -> tuple[Rule, ...] | None:
        try:
            return policy.read(document.octets).rules
        except BadDocument as why:
            _log.warn("the rules {key} cannot be read: {why}", key=document.key, why=str(why))
            return None

    def _document_changed(self, change: Change[Document]) -> None:
        if change.record.auid in self._usages and change.record.owner:
            self._changed(Address.parse(change.record.owner))

    def _changed(self, presentity: Address) -> None:
        for listener in self._listeners:
            listener(presentity)
