"""How a SIP contact looks to Jabber users, made once for all who are shown the same document.

Whoever watches a contact of one of our own domains gets the very same document as everybody else who may see it, and mostly
has the very same one before it.  So a document is mapped once, what has changed since the last one is found once, and the
stanzas that say so are written once; for each watcher only the recipient is put in.  A view lives as long as somebody is shown
it.  It is found by the identity of the document and by nothing else, so nobody is shown what another was meant to see.

A view is good only for a while where it hides the time of a recent change: once that is history, it is made anew.

Implements: RFC 8048 section 4 (NOTIFY -> presence), once a document; XEP-0203 (news bears no time).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Final
from weakref import WeakValueDictionary

from sip2xmpp.bridge.mapping import FRESH_SECONDS, availabilities_from_presence, differences, without_news
from sip2xmpp.documents.presence import Presence, Show
from sip2xmpp.presence.states import as_utc
from sip2xmpp.xmpp.availability import Availability
from sip2xmpp.xmpp.prepared import Prepared

Said = Mapping[str, Availability]
"""What each resource says."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class View:
    """What the resources of a contact say in one document, until ``good_until`` (Unix time)."""

    said: Said
    contact_jid: str = ""
    document: Presence | None = None
    good_until: float = inf
    _before: Said | None = None
    _news: tuple[Prepared, ...] = field(default=())

    def news_since(
        self, shown: "View", write: Callable[[str, str, Availability], Prepared]
    ) -> tuple[Prepared, ...]:
        """What somebody has to be told who is shown another view; ``write`` gets contact, resource and what that says."""
        before = shown.said
        if before is not self._before:
            self._news = tuple(
                write(self.contact_jid, name, said) for name, said in differences(before, self.said).items()
            )
            self._before = before
        return self._news


NOTHING: Final = View({})
"""Of whom nothing was shown yet."""


class Views:
    """The newest view of every contact that somebody is shown, by the contact's bare JID, and others that are in use beside it.

    ``phone_show`` is what Jabber users are shown of somebody on the phone.
    """

    def __init__(self, phone_show: Show = Show.DND) -> None:
        self._phone_show = phone_show
        self._newest: WeakValueDictionary[str, View] = WeakValueDictionary()
        self._others: WeakValueDictionary[tuple[str, int], View] = WeakValueDictionary()

    def view(self, contact_jid: str, document: Presence, now: float) -> View:
        """The view of a document at ``now`` (Unix time)."""
        view = self._newest.get(contact_jid)
        if view is None or view.document is not document or now >= view.good_until:
            view = self._newest[contact_jid] = self._other(contact_jid, document, now, view)
        return view

    def _other(self, contact_jid: str, document: Presence, now: float, newest: View | None) -> View:
        """The view of another document than the newest: watchers who may see different parts of a contact take turns."""
        if newest is not None:
            self._others[contact_jid, id(newest.document)] = newest
        view = self._others.get((contact_jid, id(document)))
        if view is None or view.document is not document or now >= view.good_until:
            view = _made(contact_jid, document, now, self._phone_show)
        return view

    def forget(self, contact_jid: str) -> None:
        """What was written of this contact is out of date, although the document is not."""
        self._newest.pop(contact_jid, None)
        for key in [key for key in self._others if key[0] == contact_jid]:
            self._others.pop(key, None)


def _made(contact_jid: str, document: Presence, now: float, phone_show: Show) -> View:
    said = availabilities_from_presence(document, phone_show=phone_show)
    told = without_news(said, now)
    hidden = (one.stamp for name, one in said.items() if told[name] is not one)
    becomes_old = min((as_utc(stamp).timestamp() + FRESH_SECONDS for stamp in hidden), default=inf)
    return View(told, contact_jid, document, becomes_old)
