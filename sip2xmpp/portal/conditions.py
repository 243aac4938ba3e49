"""Conditions of requests: a client that read a thing changes it only if nobody else has meanwhile.

A thing has one strong entity tag, which is another one after each change.  The condition is checked in the same turn of the
reactor as the change is made, so two conditional changes never lose one.

Implements: RFC 9110 sections 8.8.3 and 13.1.1 to 13.2.2 (If-Match, If-None-Match).
"""

import re
from dataclasses import dataclass
from typing import Final

from sip2xmpp.portal.problems import Problem

_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The fields as they were sent, None if they were not; what is no list of tags matches nothing."""

    if_match: str | None = None
    if_none_match: str | None = None

    def unchanged(self, etag: str) -> bool:
        """Whether somebody who reads has this state already (304)."""
        return self.if_none_match is not None and _matches(self.if_none_match, etag, weak=True)

    def check(self, etag: str) -> None:
        """Raises ``Problem`` 412 unless what has this tag, the empty string if there is nothing, may be changed."""
        if self.if_match is not None and not _matches(self.if_match, etag, weak=False):
            raise Problem(412, "it has been changed meanwhile, or is not there: read it again (If-Match)")
        if self.if_none_match is not None and _matches(self.if_none_match, etag, weak=True):
            raise Problem(412, "it is there already (If-None-Match)")


NONE: Final = Conditions()


def quoted(etag: str) -> str:
    """A tag as a field has it."""
    return f'"{etag}"'


def _matches(field: str, etag: str, *, weak: bool) -> bool:
    if field.strip() == "*":
        return bool(etag)
    if not etag:
        return False
    return any(tag == etag and (weak or not is_weak) for is_weak, tag in _TAG.findall(field))
