"""``sip2xmpp watch``: what a SIP watcher sees of some people, as it changes.

Each address is a subscription of its own, by the gateway's own subscriber.  On a terminal a table is drawn again in place;
elsewhere, and with ``--json``, each change is a line.  A subscription that never began is an error; one that ended is begun
again after the time that the other side asks for.  Exit status 2 says that an address could not be watched.

Implements: RFC 3856 and RFC 6665 (subscriber), by ``events.outgoing``.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall

from sip2xmpp.address import Address
from sip2xmpp.command.arguments import FAILED, OK, Subparsers, any_address
from sip2xmpp.command.client import Client, add_server_arguments, caller_of
from sip2xmpp.command.parser import Group
from sip2xmpp.command.reacting import configuration_if_any, react
from sip2xmpp.command.screen import (
    Column,
    Ink,
    Screen,
    can_redraw,
    cut,
    ink_for,
    json_of,
    padded,
    printable,
    table,
    window,
)
from sip2xmpp.config import Config
from sip2xmpp.documents.presence import Presence
from sip2xmpp.documents.times import from_unix, write_time
from sip2xmpp.errors import BadInput, Refused, Sip2XmppError
from sip2xmpp.events.asked import PRESENCE
from sip2xmpp.events.outgoing import News, Outgoing, backoff
from sip2xmpp.presence.states import activities_of, newest_change, state_of
from sip2xmpp.presence.texts import user_notes
from sip2xmpp.presence.watching import Reason
from sip2xmpp.sip.dialog import Dialog
from sip2xmpp.sip.message import Response
from sip2xmpp.store.offline import offline

FAREWELL: Final = 2.0
"""Seconds that the last answers may take when it is over."""

LONGEST_TEXT: Final = 40
"""Cells of a text that are shown, so that the other columns have room; ``--json`` has it all."""

FINAL: Final = {
    Reason.REJECTED: "does not want to be seen",
    Reason.NORESOURCE: "is not there",
    Reason.INVARIANT: "has nothing to tell",
}
"""Ends after which nobody comes back, and what they say of the presentity."""

COLUMNS: Final = (
    Column(heading="ADDRESS"),
    Column(heading="STATE"),
    Column(heading="TEXT", rank=1),
    Column(heading="SINCE", rank=2),
    Column(heading="LANGUAGES", rank=4),
    Column(heading="ACTIVITIES", rank=3),
)


@dataclass(slots=True, kw_only=True)
class View:
    """What is known of one address: ``standing`` is asking, pending, active or ended."""

    address: Address
    standing: str = "asking"
    document: Presence | None = None
    changed_at: float = 0.0
    trouble: Sip2XmppError | None = None

    def as_json(self) -> dict[str, Any]:
        """As scripts get it."""
        document = self.document
        state = state_of(document) if document is not None else None
        notes = user_notes(document, state) if document is not None and state is not None else ()
        return {
            "address": str(self.address),
            "standing": self.standing,
            "state": state.value if state is not None else None,
            "text": notes[0].text if notes else "",
            "notes": [{"language": note.language, "text": note.text} for note in notes],
            "activities": [each.text or each.name for each in activities_of(document)] if document else [],
            "since": write_time(self.since) if document is not None else None,
            "trouble": str(self.trouble) if self.trouble is not None else None,
        }

    @property
    def since(self) -> datetime:
        """When the state began: as the document says, else when it came."""
        stated = newest_change(self.document) if self.document is not None else None
        return stated if stated is not None else from_unix(self.changed_at)

    def row(self) -> tuple[str, ...]:
        """As a person reads it."""
        told = self.as_json()
        state = told["state"] or self.standing
        if self.trouble is not None:
            why = str(self.trouble).removeprefix(f"{self.address}").lstrip(": ")
            return (printable(str(self.address)), state, cut(printable(why), LONGEST_TEXT), "", "", "")
        languages = [note["language"] for note in told["notes"] if note["language"]]
        return (
            printable(str(self.address)),
            state,
            cut(printable(told["text"]), LONGEST_TEXT),
            self.since.astimezone().strftime("%H:%M:%S") if self.document is not None else "",
            printable(", ".join(languages)),
            printable(", ".join(dict.fromkeys(told["activities"]))),
        )


def add_parser(subparsers: Subparsers) -> None:
    """Add ``watch``."""
    parser = subparsers.add_parser(
        "watch",
        help="watch people's presence, as a SIP client",
        group=Group.PEOPLE,
        description="Watches SIP and Jabber users as a SIP client does, and shows every change until Ctrl-C: on a terminal a table, "
        "elsewhere a line for each. Speaks to any SIP server. The password is asked for on a terminal, else it is one "
        "line of standard input, or of --password-file.",
        examples=(
            (
                "sip2xmpp watch --as alice@sip.example.org romeo@jabber.example bob@sip.example.org",
                "until Ctrl-C",
            ),
            (
                "sip2xmpp watch --as alice@sip.example.org --once --json bob@sip.example.org",
                "asks once, for a script",
            ),
        ),
    )
    parser.add_argument("addresses", metavar="ADDRESS", nargs="+", help="as in sip:romeo@jabber.example")
    parser.add_argument(
        "--as", dest="identity", metavar="ADDRESS", help="who watches (default: the gateway's only account)"
    )
    parser.add_argument("--once", action="store_true", help="ask once, print and end")
    add_server_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Watch until Ctrl-C."""
    config = configuration_if_any(arguments)
    addresses = list(dict.fromkeys(any_address(text) for text in arguments.addresses))
    identity = any_address(arguments.identity) if arguments.identity else only_account(config)
    caller = caller_of(arguments, identity, config)
    show = Show(as_json=arguments.json, once=arguments.once)

    async def main(reactor: Any) -> list[View]:
        client = Client(caller, config, reactor)
        watching = Watching(client, show.changed, once=arguments.once, timeout=arguments.timeout)
        try:
            return await watching.watch(addresses)
        finally:
            await client.close()

    try:
        views = react(main)
    finally:
        show.close()
    if arguments.once:
        show.all(views)
    troubles = [view.trouble for view in views if view.trouble is not None]
    for trouble in dict.fromkeys(map(str, troubles)):
        print(f"sip2xmpp: {trouble}", file=sys.stderr)
    return FAILED if troubles else OK


def only_account(config: Config | None) -> Address:
    """The one account of the gateway, if there is exactly one; raises ``BadInput``."""
    try:
        if config is not None:
            with offline(config.gateway.state) as store:
                accounts = [account.address for account in store.accounts.all() if not account.disabled]
            if len(accounts) == 1:
                return accounts[0]
    except Sip2XmppError:
        pass  # a state file that is not for us to read: then it has to be said
    raise BadInput("say who watches: --as ADDRESS")


class Watching:
    """The subscriptions of one client; ``changed`` is told of every change with all views, and which of them it was."""

    def __init__(
        self, client: Client, changed: Callable[[Sequence[View], View], None], *, once: bool, timeout: float
    ) -> None:
        self.client = client
        self.once = once
        self.timeout = timeout
        self._changed = changed
        self._subscriptions: list[Subscription] = []
        self._idle: Deferred[None] | None = None

    async def watch(self, addresses: Sequence[Address]) -> list[View]:
        """Watch until all is over, or until cancelled; what was known at the end."""
        self._subscriptions = [Subscription(self, address) for address in addresses]
        for subscription in self._subscriptions:
            subscription.begin()
        try:
            await self._over()
        except CancelledError:
            for subscription in self._subscriptions:
                subscription.leave()
            await self._over().addTimeout(FAREWELL, self.client.clock, onTimeoutCancel=lambda *_: None)
        return self.views

    @property
    def views(self) -> list[View]:
        return [subscription.view for subscription in self._subscriptions]

    def changed(self, view: View) -> None:
        """Something is known anew."""
        self._changed(self.views, view)

    def settled(self) -> None:
        """A subscription has ended for good."""
        idle = self._idle
        if idle is not None and all(subscription.done for subscription in self._subscriptions):
            self._idle = None
            self.client.clock.callLater(0, idle.callback, None)

    def _over(self) -> "Deferred[None]":
        idle: Deferred[None] = Deferred()
        self._idle = idle
        self.settled()
        return idle


@dataclass(slots=True, eq=False)
class Subscription:
    """One address being watched: the owner of its ``Outgoing``."""

    watching: Watching
    address: Address
    view: View = field(init=False)
    done: bool = False
    _outgoing: Outgoing[Presence] | None = None
    _seen: bool = False
    _failures: int = 0
    _call: IDelayedCall | None = None

    def __post_init__(self) -> None:
        self.view = View(address=self.address)

    def begin(self) -> None:
        """Subscribe."""
        client = self.watching.client
        uri, own = self.address.sip_uri(), client.caller.address
        dialog = Dialog(
            call_id=f"{client.rng.getrandbits(128):032x}",
            local_tag=f"{client.rng.getrandbits(64):016x}",
            remote_tag="",
            local_uri=own.sip_uri(),
            remote_uri=uri,
            remote_target=uri,
        )
        self._outgoing = Outgoing(
            owner=self,
            package=PRESENCE,
            agent=client.agent,
            clock=client.clock,
            rng=client.rng,
            watcher=own,
            presentity=self.address,
            dialog=dialog,
            fetch=self.watching.once,
        )
        client.expect(dialog.call_id, dialog.local_tag, self._outgoing)
        self._outgoing.begin()
        if not self._seen:
            self._call = client.clock.callLater(self.watching.timeout, self._late)

    def leave(self) -> None:
        """Unsubscribe; it is done when the other side has said so."""
        self._cancel()
        if self._outgoing is None:
            self._finish()
        else:
            self._outgoing.leave()

    # what the subscription tells its owner

    def told(self, subscription: Outgoing[Presence], news: News[Presence]) -> None:  # noqa: ARG002 - there is one
        """A NOTIFY came."""
        self._cancel()
        self._seen, self._failures = True, 0
        view = self.view
        standing = "active" if news.active else "pending"
        document = (news.document or view.document) if news.active else None
        if (view.standing, view.document) != (standing, document):
            view.standing, view.document = standing, document
            view.changed_at = self.watching.client.clock.seconds()
            self.watching.changed(view)

    def over(self, subscription: Outgoing[Presence], reason: Reason, retry_after: int) -> None:
        """It ended by itself: for good, or to be begun again."""
        self._cancel()
        self._outgoing = None
        client, view = self.watching.client, self.view
        answer = client.agent.answers.pop(subscription.dialog.call_id, None)
        refused = not (isinstance(answer, Response) and 200 <= answer.status < 300)
        if self.watching.once and not refused and reason not in FINAL:
            if view.document is None and view.standing == "asking":
                view.standing = "pending"
            self._finish()
        elif reason in FINAL and not refused:
            self._fail(Refused(f"{self.address} {FINAL[reason]}: {reason.value}"))
        elif not self._seen:
            self._fail(client.trouble(answer if refused else None, self.address))
        else:
            delay = max(retry_after, backoff(self._failures, client.rng) if self._failures else 1)
            self._failures += 1
            view.standing, view.document = "asking", None
            view.changed_at = client.clock.seconds()
            self.watching.changed(view)
            self._call = client.clock.callLater(delay, self._again)

    def changed(self, subscription: Outgoing[Presence]) -> None:
        """The dialog changed; when it is over without a word, we have left."""
        if subscription.phase.value == "over" and self._outgoing is subscription and self._call is None:
            self.watching.client.clock.callLater(0, self._left, subscription)

    # inside

    def _left(self, subscription: Outgoing[Presence]) -> None:
        if self._outgoing is subscription:
            self._outgoing = None
            self._finish()

    def _again(self) -> None:
        self._call = None
        self.begin()

    def _late(self) -> None:
        self._call = None
        outgoing, self._outgoing = self._outgoing, None
        if outgoing is not None:
            outgoing.leave()
        self._fail(self.watching.client.trouble(None, self.address))

    def _fail(self, trouble: Sip2XmppError) -> None:
        self.view.standing, self.view.document, self.view.trouble = "ended", None, trouble
        self.watching.changed(self.view)
        self._finish()

    def _finish(self) -> None:
        self.done = True
        self.watching.settled()

    def _cancel(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None


class Show:
    """Where changes go: a screen that is drawn again, or lines; with ``once`` nothing until all is known."""

    def __init__(self, *, as_json: bool, once: bool) -> None:
        self._as_json = as_json
        self._once = once
        self._screen = Screen() if not as_json and not once and can_redraw(sys.stdout) else None
        self._ink: Ink = ink_for(sys.stdout)
        self._last: Sequence[View] = ()

    def changed(self, views: Sequence[View], view: View) -> None:
        """Show it."""
        self._last = views
        if self._once:
            return
        if self._as_json:
            print(json_of(view.as_json(), indent=None), flush=True)
        elif self._screen is not None:
            self._screen.draw([*self._table(views), "", self._ink.dim("Ctrl-C ends it")])
        elif view.trouble is None:
            print(_line(views, view), flush=True)

    def all(self, views: Sequence[View]) -> None:
        """Show what became of all of them; troubles are told elsewhere."""
        if self._as_json:
            print("\n".join(json_of(view.as_json(), indent=None) for view in views))
        elif shown := [view for view in views if view.trouble is None]:
            print("\n".join(self._table(shown)))

    def close(self) -> None:
        """Give the terminal back, with the last table on it."""
        if self._screen is not None:
            self._screen.close()
            if self._last:
                print("\n".join(self._table(self._last)))

    def _table(self, views: Sequence[View]) -> list[str]:
        heading, *rows = table(COLUMNS, [view.row() for view in views], window()[0])
        return [self._ink.dim(heading), *rows]


def _line(views: Sequence[View], view: View) -> str:
    """One change on one line."""
    address, state, text, since, languages, activities = view.row()
    width = max(len(str(each.address)) for each in views)
    parts = [since or " " * 8, padded(address, width), padded(state, 12), text]
    return "  ".join([*parts, *(f"({words})" for words in (languages, activities) if words)]).rstrip()
