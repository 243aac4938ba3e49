"""When a request is to be carried out: what its If-Match and If-None-Match fields say.

A document has one strong entity tag, which is that of each of its parts too.  ``*`` stands for any.

Implements: RFC 9110 sections 8.8.3, 13.1.1 and 13.1.2; RFC 4825 section 7.11.
"""

import re
from dataclasses import dataclass
from typing import Final

from sip2xmpp.errors import BadInput, Refused

ANY: Final = frozenset("*")
"""Every tag there is."""

# COMPAT: scripts that read the tag from an answer write it without its quotes.
_TAG = re.compile(r'(W/)?(?:"([\x21\x23-\x7e\x80-\xff]*)"|([A-Za-z0-9._~+-]+))')
_MOST: Final = 100


class PreconditionFailed(Refused):
    """The document is not in the state that the request is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """``match``: tags of which the document has to have one; ``none_match``: tags of which it must have none; None: either way.

    Of both, ``ANY`` is that of every document that exists.
    """

    match: frozenset[str] | None = None
    none_match: frozenset[str] | None = None

    @staticmethod
    def of(match: str | None, none_match: str | None) -> "Conditions":
        """What the two fields say, each as one value; raises ``BadInput``."""
        return Conditions(match=_tags(match, weak=False), none_match=_tags(none_match, weak=True))

    def matches(self, etag: str | None) -> bool:
        """Whether If-Match lets a request through; None: there is no document."""
        return self.match is None or (etag is not None and (self.match == ANY or etag in self.match))

    def none_matches(self, etag: str | None) -> bool:
        """Whether If-None-Match lets a request through that changes something."""
        return (
            self.none_match is None or etag is None or not (self.none_match == ANY or etag in self.none_match)
        )

    def check(self, etag: str | None) -> None:
        """Raises ``PreconditionFailed`` unless a change may be made."""
        if not self.matches(etag):
            raise PreconditionFailed(
                "there is no such document" if etag is None else f'the document is now "{etag}"'
            )
        if not self.none_matches(etag):
            raise PreconditionFailed(f'the document is "{etag}"')


ALWAYS: Final = Conditions()
"""Whatever there is."""


def _tags(field: str | None, *, weak: bool) -> frozenset[str] | None:
    """The tags of a field.  A weak one is never the same as a strong one where the comparison has to be strong."""
    if field is None:
        return None
    if field.strip() == "*":
        return ANY
    found, at = set(), 0
    for each in _TAG.finditer(field):
        if field[at : each.start()].strip(" \t,"):
            break
        at = each.end()
        if weak or not each[1]:
            found.add(each[2] if each[3] is None else each[3])
        if len(found) > _MOST:
            raise BadInput("too many entity tags")
    if field[at:].strip(" \t,"):
        raise BadInput("the list of entity tags cannot be read")
    return frozenset(found)
