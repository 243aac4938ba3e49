"""Packages of shared lines: every phone of a line is told who has which appearance, and claims one by telling of a call.

``dialog;sla`` and ``dialog;ma`` are what phones call it that follow the old draft, ``dialog;shared`` is its standard; the state
is the same, only the number of an appearance is written in another place.  Only those who share a line may watch it or
tell anything of it.  What is told is always all appearances in use; calls that ended since the last NOTIFY come before them
once more as terminated, for phones that put out no lamp of which nothing is said; an appearance that was handed over stays
lit by what comes last.  Everybody is told, also the phone that caused the change: it learns that it has what it claimed.

A PUBLISH that claims what somebody else has is refused with 400, as RFC 7463 has it.  Publications of a line live for
five minutes at most, so that what a phone could not take back is over then.

Implements: RFC 7463 sections 4 and 5; draft-anil-sipping-bla-03; RFC 4235 section 3.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar, Final, Protocol

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.documents.dialog_info import (
    CONTENT_TYPE,
    LINE,
    SIZE_LIMIT,
    Call,
    CallState,
    DialogInfo,
    Party,
    merged,
    read,
    write,
)
from sip2xmpp.documents.identifiers import fresh_id
from sip2xmpp.errors import BadDocument
from sip2xmpp.events.accepting import accepts
from sip2xmpp.events.package import Body, EventPackage, package_of
from sip2xmpp.events.publication import PublicationLimits, Publications, source_of
from sip2xmpp.presence.appearances import Appearance, AppearanceTaken
from sip2xmpp.presence.lines import PACKAGES, Lines
from sip2xmpp.presence.policy import Handling
from sip2xmpp.presence.state_agent import StateAgent
from sip2xmpp.presence.watching import StateWatcher, Told, Watch
from sip2xmpp.sip.message import Request
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import publication_key

LONGEST: Final = 300
SHORTEST: Final = 15
"""Lifetimes, in seconds, of what a phone tells of a line."""
PUBLICATIONS: Final = 50
"""Publications of one line: more phones than share one."""

INTERVAL: Final = 0.2
"""Seconds between two NOTIFYs: less than RFC 4235 advises, for somebody waits with a hand on the key."""

State = tuple[Appearance, ...]


@dataclass(frozen=True, slots=True)
class LineForm:
    """All appearances in use; with ``is_standard`` numbers are elements, otherwise parameters of the target."""

    is_standard: bool
    numbered: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return "shared" if self.is_standard else "sla"

    def body(self, told: Told[State], before: Told[State] | None, entity: str, number: int) -> Body | None:
        if told.document is None:
            return None
        known = {one.call.id: one.number for one in told.document}
        earlier = before.document if before is not None and before.document is not None else ()
        # A call that moved to another number is over where it was, by an id that is not its own any more.
        ended = [
            replace(
                one,
                call=replace(
                    one.call, id=fresh_id(one.call.id, known), state=CallState.TERMINATED, duration=None
                ),
            )
            for one in earlier
            if known.get(one.call.id) != one.number
        ]
        calls = tuple([self._written(one, entity) for one in (*ended, *told.document)])
        document = DialogInfo(entity=entity, version=number, is_full=True, calls=calls)
        return Body(content_type=CONTENT_TYPE, octets=write(document))

    def _written(self, one: Appearance, entity: str) -> Call:
        local = one.call.local or Party()
        params = tuple(each for each in local.params if each[0].lower() != LINE)
        if self.is_standard:
            return replace(
                one.call,
                appearance=one.number,
                local=replace(local, params=params) if one.call.local is not None else None,
            )
        return replace(
            one.call,
            appearance=None,
            exclusive=None,
            joined=(),
            replaced=(),
            local=replace(local, target=local.target or entity, params=(*params, (LINE, str(one.number)))),
        )


class LinePackage:
    """One of the names under which phones share lines."""

    default_expires = 3600
    accepts = (CONTENT_TYPE,)

    def __init__(self, name: str, agent: StateAgent[State]) -> None:
        self.name = name
        self._agent = agent
        self._form = LineForm(is_standard=name == "dialog;shared")

    def watch(self, resource: Address, watcher: StateWatcher, *, fetch: bool = False) -> Watch:
        return self._agent.watch(resource, watcher, fetch=fetch)

    def form(self, accept: str, user_agent: str, *, datagram: bool) -> LineForm | None:  # noqa: ARG002
        return self._form if accepts(accept, CONTENT_TYPE) else None

    def check(self, body: bytes) -> None:
        read(body)

    def device_of(self, body: bytes) -> str:  # noqa: ARG002
        """Nothing in a document names its phone."""
        return ""

    def merged(self, body: bytes, before: bytes | None) -> bytes:
        """COMPAT: phones publish only what changed, as they would notify it."""
        change = read(body)
        if change.is_full:
            return body
        whole = write(merged(None if before is None else read(before), change))
        if len(whole) > SIZE_LIMIT:
            raise BadDocument("these are too many calls")
        return whole

    def speaks_for_socket(self, body: bytes) -> bool:  # noqa: ARG002
        """A phone has one publication of a line, with all its calls."""
        return True


def line_packages(lines: Lines, clock: IReactorTime) -> list[LinePackage]:
    """The packages by which these lines are shared."""
    agent: StateAgent[State] = StateAgent(
        clock=clock,
        compute=lines.in_use,
        neutral=lambda _: (),
        decide=lambda line, watcher: Handling.ALLOW if lines.shares(line, watcher) else Handling.BLOCK,
        exists=lines.__contains__,
        interval=INTERVAL,
    )
    lines.listen(agent.changed)
    return [LinePackage(name, agent) for name in PACKAGES]


class PublicationsOf(Protocol):
    """What takes a PUBLISH."""

    def publish_received(
        self, transaction: ServerTransaction, request: Request, sender: Address, presentity: Address
    ) -> None: ...


class LinePublications:
    """PUBLISH where there are shared lines: claims are looked at before ``own`` takes them, all else is for ``others``."""

    def __init__(
        self,
        *,
        store: Store,
        lines: Lines,
        packages: Iterable[LinePackage],
        own: PublicationsOf,
        others: PublicationsOf,
    ) -> None:
        self._publications = store.publications
        self._lines = lines
        self._packages = {package.name: package for package in packages}
        self._own = own
        self._others = others

    def may_publish(self, sender: Address, presentity: Address, request: Request) -> bool:
        """Whether somebody who is not the presentity may publish this for it: who shares a line, about the line."""
        return self._lines.shares(presentity, sender) and self._package(request) is not None

    def publish_received(
        self, transaction: ServerTransaction, request: Request, sender: Address, presentity: Address
    ) -> None:
        if presentity not in self._lines or (package := self._package(request)) is None:
            self._others.publish_received(transaction, request, sender, presentity)
            return
        try:
            self._look_at(request, presentity, package)
        except AppearanceTaken as taken:
            transaction.reply(400, str(taken))
        else:
            self._own.publish_received(transaction, request, sender, presentity)

    def _package(self, request: Request) -> LinePackage | None:
        return package_of(request.event_value, self._packages)

    def _look_at(self, request: Request, line: Address, package: LinePackage) -> None:
        """Raise ``AppearanceTaken`` for a claim that has to be refused; whatever else is wrong is found later."""
        if not request.body or len(request.body) > SIZE_LIMIT or request.expires == 0:
            return
        tag, before = request.headers.get("SIP-If-Match"), None
        if tag is None:
            marks = set(source_of(request, package).split())
        else:
            held = self._publications.get(publication_key(tag))
            if held is None or held.presentity != line:
                return
            marks, before = set(held.source.split()), held.document
        try:
            document = read(package.merged(request.body, before))
        except BadDocument:
            return
        own = {
            each.key
            for each in self._publications.select(str(line))
            if each.package in PACKAGES and not marks.isdisjoint(each.source.split())
        }
        self._lines.admit(line, document, own)


def line_publications(
    lines: Lines,
    *,
    store: Store,
    clock: IReactorTime,
    rng: random.Random,
    packages: Iterable[EventPackage],
    others: PublicationsOf,
) -> LinePublications:
    """What takes PUBLISH where there are these lines; ``others`` takes what is not about a line."""
    of_lines = [package for package in packages if isinstance(package, LinePackage)]
    own = Publications(
        store=store,
        clock=clock,
        rng=rng,
        packages=of_lines,
        exists=lines.__contains__,
        limits=PublicationLimits(
            min_expires=SHORTEST, max_expires=LONGEST, per_presentity=PUBLICATIONS, body=SIZE_LIMIT
        ),
    )
    return LinePublications(store=store, lines=lines, packages=of_lines, own=own, others=others)
