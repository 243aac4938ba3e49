"""The row of a list that a Jabber user follows in the own roster."""

from sip2xmpp.store.records import Common, frozen_record


@frozen_record
class Following:
    """A Jabber user to whom the members of one of the operator's lists are contacts; ``name`` is that of the list.

    ``domain`` is the component domain in whose name that is done.  ``members`` are the JIDs that the user was told of, ``added``
    those of them that the gateway put into the roster itself.  ``title`` is how the list, and the group, was called then,
    and ``had`` are those members whom the user watched before.
    """

    jid: str
    domain: Common
    name: Common
    since: float
    expires_at: float | None = None
    members: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    title: Common = ""
    had: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.jid} {self.name}"

    @property
    def group(self) -> str:
        return self.jid
