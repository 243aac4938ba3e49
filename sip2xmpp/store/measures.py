"""What is measured of a store: how long commits take, how many changes each has, how many failed."""

from dataclasses import dataclass, field

from sip2xmpp.measuring import SIZES, Histogram


@dataclass(slots=True)
class StoreMeasures:
    """``commits`` in seconds from the beginning of a transaction to its end; ``changes`` are those of one transaction."""

    commits: Histogram = field(default_factory=Histogram)
    changes: Histogram = field(default_factory=lambda: Histogram(SIZES))
    failures: int = 0
