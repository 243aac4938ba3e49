"""What was found in another server's database, put beside what is there: nothing is overwritten unless the operator says so.

Each function answers what becomes of one thing, and with it the record to write, if any; the caller writes it, or does not in a dry
run.  Doing the same again changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol, TypeVar

from sip2xmpp.importing.findings import FoundDocument, FoundUser, FoundWatcher
from sip2xmpp.importing.systems import WatcherStatus
from sip2xmpp.store.interface import Record
from sip2xmpp.store.records import Account, Verdict, Waiting

R_co = TypeVar("R_co", bound=Record, covariant=True)


class Outcome(Enum):
    """What became of one thing."""

    ADDED = "added"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"
    OURS_KEPT = "ours-kept"


OURS_KEPT = "there is another one here, which stays; --replace takes this one"


class Held(Protocol[R_co]):
    """A table as far as it is read here."""

    def get(self, key: str) -> R_co | None:
        """The record, or None."""


class Shelf(Protocol):
    """Where documents are kept."""

    def keep(self, found: FoundDocument, *, replaces: bool) -> Outcome:
        """Keep one; raises an error of ours with the reason why not."""


def user(found: FoundUser, accounts: Held[Account], *, replaces: bool) -> tuple[Outcome, Account | None]:
    """An account: one of the same password is left alone, unless more hashes of it are known now."""
    new = found.account
    held = accounts.get(new.key)
    if held is None:
        return Outcome.ADDED, new
    if _is_same_password(held, new):
        if held.ha1_sha256 or not new.ha1_sha256:
            return Outcome.UNCHANGED, None
    elif not replaces:
        return Outcome.OURS_KEPT, None
    return Outcome.REPLACED, replace(new, disabled=held.disabled, expires_at=held.expires_at)


def _is_same_password(held: Account, new: Account) -> bool:
    if held.ha1_md5 and new.ha1_md5:
        return held.ha1_md5 == new.ha1_md5
    return bool(held.ha1_sha256) and held.ha1_sha256 == new.ha1_sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherTerms:
    """How watchers are taken.  ``has_rules``: whether rules decide about watchers of this presentity; times are Unix time."""

    has_rules: Callable[[str], bool]
    now: float
    waits_until: float
    package: str
    replaces: bool


def watcher(
    found: FoundWatcher, verdicts: Held[Verdict], waiting: Held[Waiting], terms: WatcherTerms
) -> tuple[Outcome, Verdict | Waiting | None]:
    """Who was allowed is allowed, who was rejected is blocked, who waited waits; where rules say so they say so here too."""
    verdict = Verdict(
        presentity=found.presentity,
        watcher=found.watcher,
        handling="allow",
        decided_at=found.since or terms.now,
    )
    decided = verdicts.get(verdict.key)
    if found.status in (WatcherStatus.PENDING, WatcherStatus.WAITING):
        note = Waiting(
            presentity=found.presentity,
            watcher=found.watcher,
            package=terms.package,
            asked_at=found.since or terms.now,
            expires_at=terms.waits_until,
        )
        if decided is not None or waiting.get(note.key) is not None:
            return Outcome.UNCHANGED, None
        return Outcome.ADDED, note
    if found.status is WatcherStatus.TERMINATED:
        if found.reason != "rejected":
            return Outcome.UNCHANGED, None
        verdict = replace(verdict, handling="block")
    if decided is None:
        # A decision comes before rules, and would hide what the owner changes there.
        return (
            (Outcome.UNCHANGED, None) if terms.has_rules(str(found.presentity)) else (Outcome.ADDED, verdict)
        )
    if decided.handling == verdict.handling:
        return Outcome.UNCHANGED, None
    return (Outcome.REPLACED, verdict) if terms.replaces else (Outcome.OURS_KEPT, None)
