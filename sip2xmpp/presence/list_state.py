"""What a subscriber to a list learns: a row for each member, in a value of which two are quickly compared.

Implements: RFC 4662 section 5.
"""

from typing import Any

from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.documents.rlmi import Name
from sip2xmpp.presence.flattening import Member
from sip2xmpp.presence.watching import Reason, Standing, Told


class Row:
    """One member of a list as its subscriber sees it; to be left as it is.

    ``standing`` is None as long as nothing is known.  ``told`` is what the back end said last, its document included, and is None
    unless the member is active.  ``reason`` is only with TERMINATED.
    """

    __slots__ = ("member", "reason", "standing", "told")

    def __init__(
        self,
        member: Member,
        standing: Standing | None = None,
        reason: Reason | None = None,
        told: Told[Any] | None = None,
    ) -> None:
        self.member = member
        self.standing = standing
        self.reason = reason
        self.told = told

    @property
    def uri(self) -> str:
        return self.member.uri

    @property
    def names(self) -> tuple[Name, ...]:
        return self.member.names

    def __repr__(self) -> str:
        return f"Row({self.uri}, {self.standing}, {self.reason}, {self.told})"

    def __hash__(self) -> int:
        return hash((self.member, self.standing, self.reason))

    def __eq__(self, other: object) -> bool:
        """Whether they say the same, whatever was written from them."""
        if not isinstance(other, Row):
            return NotImplemented
        return self is other or (
            self.member == other.member
            and self.standing is other.standing
            and self.reason is other.reason
            and self._document() == other._document()
        )

    def _document(self) -> object:
        return None if self.told is None else self.told.document


@frozen_value
class ListState:
    """What a subscriber learns of a list.

    ``members`` is the same object in two states of one watch exactly if the list did not change in between; ``rows`` are then
    about the same members in the same order, and a row about which nothing changed is the same object.
    """

    members: tuple[Member, ...]
    rows: tuple[Row, ...]
