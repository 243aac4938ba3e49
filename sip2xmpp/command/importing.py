"""``sip2xmpp import``: users, documents and watchers of OpenSIPS, OpenXCAP or Kamailio.

Works with the gateway stopped or running.  Accounts and decisions are written into the state file, where a running gateway sees them
within a second; documents are put into the file too, or by XCAP if it runs, since it does not look for them there.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from sip2xmpp.command.arguments import NOT_AS_WISHED, OK, Subparsers, add_json, configuration
from sip2xmpp.command.deeds import record
from sip2xmpp.command.parser import Group
from sip2xmpp.command.progress import Progress
from sip2xmpp.command.screen import json_of, printable
from sip2xmpp.command.shelves import RunningShelf, StoppedShelf
from sip2xmpp.config import Config
from sip2xmpp.errors import BadInput, Refused, Unreachable
from sip2xmpp.importing import keeping
from sip2xmpp.importing.findings import (
    DOCUMENTS,
    USERS,
    WATCHERS,
    Dropped,
    Findings,
    Found,
    FoundDocument,
    FoundUser,
    FoundWatcher,
)
from sip2xmpp.importing.keeping import OURS_KEPT, Outcome, WatcherTerms
from sip2xmpp.importing.sources import STANDARD_INPUT, rows_of
from sip2xmpp.importing.systems import SYSTEMS
from sip2xmpp.presence.watcher_info import DAY, PACKAGE
from sip2xmpp.store.connection import Claim, holder_of
from sip2xmpp.store.documents import Document
from sip2xmpp.store.offline import offline
from sip2xmpp.store.opening import state_path
from sip2xmpp.store.records import Verdict
from sip2xmpp.xcap.usages import OMA_PRES_RULES, PRES_RULES, RLS_SERVICES

KINDS: Final = {"user": USERS, "document": DOCUMENTS, "watcher": WATCHERS}
"""What there is to import -> the table it is in."""

CHUNK: Final = 1000
"""Records in one transaction: a running gateway has to wait for it."""

_RULES: Final = (PRES_RULES.auid, OMA_PRES_RULES.auid)


def add_parser(subparsers: Subparsers) -> None:
    """Add ``import``."""
    parser = subparsers.add_parser(
        "import",
        help="take over users, XCAP documents and watchers of OpenSIPS, OpenXCAP or Kamailio",
        group=Group.ACCOUNTS,
        description="Reads the tables subscriber, xcap and watchers of another server, from an SQLite file or from a dump made by "
        "mysqldump, pg_dump or SQLite. Accounts come with their password hashes, so that nobody needs a new password; documents are "
        "checked as the XCAP server checks them; who was active is allowed, unless rules say so, and who was pending waits. What "
        "cannot be kept is told line by line, with the reason. Nothing of what is here is overwritten without --replace, and doing "
        "it again changes nothing. Works with the gateway stopped or running.",
        examples=(
            (
                "mysqldump kamailio subscriber xcap watchers | sip2xmpp import kamailio -",
                "everything of a Kamailio",
            ),
            ("sip2xmpp import opensips opensips.sqlite --dry-run", "only tell what would come of it"),
            (
                "sip2xmpp import openxcap dump.sql --only document --json",
                "only the documents, told to a script",
            ),
        ),
        no="something could not be kept",
    )
    parser.add_argument(
        "system", metavar="SYSTEM", choices=SYSTEMS, help=f"whose it is: {', '.join(SYSTEMS)}"
    )
    parser.add_argument(
        "source", metavar="SOURCE", help="an SQLite file, a dump, or a folder of db_text; - is standard input"
    )
    parser.add_argument("--dry-run", action="store_true", help="tell what would be done, and do nothing")
    parser.add_argument("--replace", action="store_true", help="let what comes replace what is here already")
    parser.add_argument("--domain", metavar="DOMAIN", default="", help="the domain of rows that name none")
    parser.add_argument(
        "--only", metavar="KIND", action="append", choices=KINDS, default=[],
        help="only user, document or watcher; may be repeated",
    )  # fmt: skip
    add_json(parser, "print a JSON object: counts for each kind, and what was not kept")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Import; status 1 if something was not kept."""
    config = configuration(arguments)
    if not config.sip.domains:
        raise BadInput("sip.domains is empty: there is nobody whose accounts these could be")
    kinds = arguments.only or list(KINDS)
    rows = rows_of(arguments.source, {KINDS[kind] for kind in kinds}, lambda: sys.stdin.buffer)
    findings = Findings(SYSTEMS[arguments.system], config.sip.domains, arguments.domain.lower())
    with Progress("read") as progress:
        found = list(progress.over(findings.of(rows)))
    if not found:
        tables = ", ".join(KINDS[kind] for kind in kinds)
        shown = "standard input" if arguments.source == STANDARD_INPUT else arguments.source
        raise BadInput(f"{shown} has no rows of {tables}")
    work = _Import(config, replaces=arguments.replace, dry=arguments.dry_run)
    work.do(found, f"import {arguments.system}")
    if arguments.json:
        print(json_of(work.as_json()))
    else:
        for line in work.lines():
            print(line)
    return NOT_AS_WISHED if work.troubles else OK


@dataclass(slots=True)
class _Import:
    """One import and what came of it."""

    config: Config
    replaces: bool = field(kw_only=True)
    dry: bool = field(kw_only=True)
    counts: dict[str, Counter[Outcome]] = field(default_factory=lambda: {kind: Counter() for kind in KINDS})
    troubles: list[Dropped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def do(self, found: Sequence[Found], what: str) -> None:
        """Users first, since documents and watchers need them."""
        path = state_path(self.config.gateway.state)
        self.troubles += [each for each in found if isinstance(each, Dropped)]
        users = [each for each in found if isinstance(each, FoundUser)]
        documents = [each for each in found if isinstance(each, FoundDocument)]
        watchers = [each for each in found if isinstance(each, FoundWatcher)]
        with ExitStack() as held:
            running = path is not None and holder_of(path) is not None
            if running and documents and self.config.http is None and not self.dry:
                raise Unreachable("a gateway without [http] runs: stop it while documents are imported")
            if not running and not self.dry and path is not None:
                with offline(self.config.gateway.state):
                    pass  # which makes the file
                held.callback(Claim(path).release)
            try:
                self._keep_users(users)
                if documents:
                    self._keep_documents(documents, users, running=running and not self.dry)
                self._keep_watchers(watchers, users)
            finally:
                # what was kept before something failed is kept
                done = ", ".join(
                    f"{sum(self._done(kind))} {kind}s" for kind in KINDS if any(self._done(kind))
                )
                if done and not self.dry:
                    with offline(self.config.gateway.state) as store:
                        record(store, f"{what}: {done}")

    def _keep_users(self, users: Sequence[FoundUser]) -> None:
        with Progress("users", len(users)) as progress:
            for chunk in _chunks(users):
                with offline(self.config.gateway.state) as store:
                    for found in progress.over(chunk, lambda each: each.about):
                        outcome, account = keeping.user(found, store.accounts, replaces=self.replaces)
                        self._count("user", outcome, found)
                        if found.note and outcome in (Outcome.ADDED, Outcome.REPLACED):
                            self.notes.append(f"{found.about} ({found.place}): {found.note}")
                        if account is not None and not self.dry:
                            store.accounts.put(account)

    def _keep_documents(
        self, documents: Sequence[FoundDocument], users: Sequence[FoundUser], *, running: bool
    ) -> None:
        made: list[Document] = []
        shelf: keeping.Shelf
        if running:
            shelf = RunningShelf(self.config)
        else:
            with offline(self.config.gateway.state) as store:
                # In a dry run the users are not there yet.
                shelf = StoppedShelf(self.config, store, made, [each.account for each in users if self.dry])
        with Progress("documents", len(documents)) as progress:
            # Lists that others refer to come first.
            for found in progress.over(
                sorted(documents, key=lambda each: each.auid == RLS_SERVICES.auid), lambda each: each.about
            ):
                try:
                    outcome = shelf.keep(found, replaces=self.replaces)
                except (BadInput, Refused) as why:
                    self._drop("document", found.about, found.place, str(why))
                    continue
                self._count("document", outcome, found)
        if not self.dry:
            for chunk in _chunks(made):
                with offline(self.config.gateway.state) as store:
                    for document in chunk:
                        store.documents.put(document)

    def _keep_watchers(self, watchers: Sequence[FoundWatcher], users: Sequence[FoundUser]) -> None:
        if not watchers:
            return
        now, coming = time.time(), {each.account.key for each in users}
        with offline(self.config.gateway.state) as store:
            ruled = {document.owner for document in store.documents.all() if document.auid in _RULES}
        terms = WatcherTerms(
            has_rules=ruled.__contains__,
            now=now,
            waits_until=now + self.config.limits.waiting * DAY,
            package=PACKAGE,
            replaces=self.replaces,
        )
        for chunk in _chunks(watchers):
            with offline(self.config.gateway.state) as store:
                for found in chunk:
                    owner = str(found.presentity)
                    if store.accounts.get(owner) is None and owner not in coming:
                        # Whoever gets this address later decides for himself.
                        self._drop("watcher", found.about, found.place, f"there is no user {owner}")
                        continue
                    outcome, made = keeping.watcher(found, store.verdicts, store.waiting, terms)
                    self._count("watcher", outcome, found)
                    if self.dry or made is None:
                        continue
                    if isinstance(made, Verdict):
                        store.verdicts.put(made)
                    else:
                        store.waiting.put(made)

    def _count(self, kind: str, outcome: Outcome, found: FoundUser | FoundDocument | FoundWatcher) -> None:
        self.counts[kind][outcome] += 1
        if outcome is Outcome.OURS_KEPT:
            self._drop(kind, found.about, found.place, OURS_KEPT)

    def _drop(self, kind: str, about: str, place: str, reason: str) -> None:
        self.troubles.append(Dropped(kind=kind, about=about, reason=reason, place=place))

    def _done(self, kind: str) -> list[int]:
        return [self.counts[kind][each] for each in (Outcome.ADDED, Outcome.REPLACED)]

    def _dropped(self, kind: str) -> int:
        return sum(each.kind == kind for each in self.troubles)

    # What is told

    def lines(self) -> Iterator[str]:
        """What a person reads: each thing that was not kept, and then how many were."""
        for each in self.troubles:
            yield printable(f"not kept: {each.kind} {each.about} ({each.place}): {each.reason}")
        for note in self.notes:
            yield printable(f"note: {note}")
        whether = "" if not self.dry else " (dry run: nothing was changed)"
        for kind in KINDS:
            added, replaced = self._done(kind)
            unchanged, dropped = self.counts[kind][Outcome.UNCHANGED], self._dropped(kind)
            if added or replaced or unchanged or dropped:
                yield (
                    f"{kind}s: {added} added, {replaced} replaced, {unchanged} unchanged, {dropped} not kept{whether}"
                )

    def as_json(self) -> dict[str, Any]:
        """The same for a program."""
        kinds = {
            f"{kind}s": {
                "added": self._done(kind)[0],
                "replaced": self._done(kind)[1],
                "unchanged": self.counts[kind][Outcome.UNCHANGED],
                "not_kept": self._dropped(kind),
            }
            for kind in KINDS
        }
        not_kept = [
            {
                "kind": each.kind,
                "about": printable(each.about),
                "place": each.place,
                "reason": printable(each.reason),
            }
            for each in self.troubles
        ]
        return {
            **kinds,
            "dry_run": self.dry,
            "not_kept": not_kept,
            "notes": [printable(n) for n in self.notes],
        }


def _chunks(things: Sequence[Any]) -> Iterator[list[Any]]:
    rest = iter(things)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
