"""The contact list of a user as the API and the pages change it: the document ``resource-lists/users/{address}/index``.

An edit is read, made and written in one turn of the reactor, under the condition that the document is still the one that was
seen, and is answered when it is safe.  Nothing but the groups and contacts that it is about is touched.
"""

from collections.abc import Callable
from typing import Final

from sip2xmpp.address import Address
from sip2xmpp.errors import BadDocument, NoSuchPresentity
from sip2xmpp.portal.problems import Problem
from sip2xmpp.store.documents import Document
from sip2xmpp.xcap.conditions import ALWAYS, Conditions
from sip2xmpp.xcap.contact_list import Groups, read
from sip2xmpp.xcap.contact_writing import EMPTY, written
from sip2xmpp.xcap.documents import Documents
from sip2xmpp.xcap.usages import RESOURCE_LISTS

INDEX: Final = "index"


class ContactBook:
    """The lists of all users; ``exists`` says who is one of ours."""

    def __init__(self, documents: Documents, *, exists: Callable[[Address], bool]) -> None:
        self._documents = documents
        self._exists = exists

    def held(self, owner: Address) -> Document | None:
        """The document of a user, if there is one.  Raises ``NoSuchPresentity``."""
        if not self._exists(owner):
            raise NoSuchPresentity(f"nobody is called {owner}")
        return self._documents.get(RESOURCE_LISTS.auid, str(owner), INDEX)

    async def edit(
        self, owner: Address, change: Callable[[Groups], Groups], conditions: Conditions = ALWAYS
    ) -> Document:
        """Change the list; raises what ``change`` and ``Documents.put`` raise, and ``Problem`` for one that cannot be read."""
        held = self.held(owner)
        conditions.check(etag_of(held) or None)
        octets = EMPTY if held is None else held.octets
        made = written(octets, change(groups_of(held)))
        document = held
        if document is None or made != octets:
            document, _ = self._documents.put(RESOURCE_LISTS.auid, str(owner), INDEX, made, conditions)
        await self._documents.committed()
        return document


def groups_of(held: Document | None) -> Groups:
    """The groups of a document, none if there is none.  Raises ``Problem``."""
    if held is None:
        return ()
    try:
        return read(held.octets)
    except BadDocument as error:
        raise Problem(409, f"the list cannot be read: {error}") from None


def etag_of(held: Document | None) -> str:
    """The entity tag of a document, empty if there is none."""
    return "" if held is None else held.etag
