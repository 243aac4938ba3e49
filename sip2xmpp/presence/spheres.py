"""In which sphere of life somebody is: at home, at work, or what else the person says.

Rules may look at it, and rules filter what is shown; so it is found in what the sources say themselves, before any rule was
applied.  Where they contradict each other it is not known.

Implements: RFC 5025 section 3.1.2; RFC 4745 section 7.2; RFC 4480 section 3.10.
"""

from collections.abc import Iterable
from typing import Final

from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.presence.hearing import Source


@frozen_value
class SphereNow:
    """``name`` is in lower case, None where it is not known; ``changes_at`` (Unix time) is when the same sources will say another."""

    name: str | None = None
    changes_at: float | None = None


UNKNOWN: Final = SphereNow()


def sphere_of(sources: Iterable[Source], now: float) -> SphereNow:
    """The sphere that all sources agree upon that say one, at ``now`` (Unix time)."""
    living = [each for each in sources if each.expires_at is None or each.expires_at > now]
    names = {
        person.sphere.strip().lower()
        for each in living
        for person in each.document.persons
        if person.sphere is not None
    }
    moments = [each.document.changes_at for each in living if each.document.changes_at is not None]
    return SphereNow(
        name=names.pop() if len(names) == 1 else None,
        changes_at=min((moment for moment in moments if moment > now), default=None),
    )
