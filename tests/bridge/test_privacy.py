"""Whatever happens in whatever order: nobody is shown presence without an approval in force, either way."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.bridge.presentities import HOLD_DOWN_SECONDS
from sip2xmpp.documents.presence import Show
from sip2xmpp.errors import NotAuthorized
from sip2xmpp.presence.watching import Notification, Reason, Standing, Watch
from sip2xmpp.store.records import Kind
from tests.bridge import test_presentities, test_watchers
from tests.bridge.scene import ALICE, BOB, JULIET, ROMEO, Looker, device
from tests.conftest import START

SHOWS = st.sampled_from([None, *Show])
WATCHERS = {BOB: Show.AWAY, ALICE: Show.DND}
"""Each is shown another state, so that what leaks can be told."""


def clock_at_start() -> Clock:
    clock = Clock()
    clock.rightNow = START
    return clock


class SipWatchers(RuleBasedStateMachine):
    """Bob and alice watch juliet, who approves and denies, comes and goes."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = clock_at_start()
        self.scene = test_presentities.Scene(self.clock)
        self.approved = dict.fromkeys(WATCHERS, False)
        self.watches: list[tuple[str, Looker, Watch]] = []
        self.leaks: list[str] = []

    def seen(self, who: str, notification: Notification) -> None:
        document = notification.document
        if document is None:
            return
        if not self.approved[who] or notification.standing is not Standing.ACTIVE:
            self.leaks.append(f"{who} without approval")
        for each in document.tuples:
            if each.show not in (None, WATCHERS[who]):
                self.leaks.append(f"{who} sees what another was sent")

    @rule(who=st.sampled_from(sorted(WATCHERS)), fetch=st.booleans())
    def watch(self, who: str, fetch: bool) -> None:
        looker = Looker(Address.parse(who))
        looker.react = lambda notification: self.seen(who, notification)
        try:
            watch = self.scene.presentities.watch(Address.parse(JULIET), looker, fetch=fetch)
        except NotAuthorized:
            assert self.scene.state(who) is Kind.DENIED
            return
        self.watches.append((who, looker, watch))

    @precondition(lambda self: self.watches)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        _, looker, watch = self.watches.pop(data.draw(st.integers(0, len(self.watches) - 1)))
        watch.stop()
        looker.react = lambda notification: self.leaks.append("notified after stop")

    @precondition(lambda self: self.watches)
    @rule(data=st.data())
    def refresh(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.watches))[2].refresh()

    @rule(who=st.sampled_from(sorted(WATCHERS)))
    def subscribed(self, who: str) -> None:
        if self.scene.state(who) is Kind.PENDING:
            self.approved[who] = True
        self.scene.presentities.subscribed_received(who, JULIET)

    @rule(who=st.sampled_from(sorted(WATCHERS)))
    def unsubscribed(self, who: str) -> None:
        self.approved[who] = False
        self.scene.presentities.unsubscribed_received(who, JULIET)

    @rule(who=st.sampled_from(sorted(WATCHERS)), resource=st.sampled_from("ab"), plain=st.booleans())
    def available(self, who: str, resource: str, plain: bool) -> None:
        self.scene.online(None if plain else WATCHERS[who], resource, who)

    @rule(who=st.sampled_from(sorted(WATCHERS)), resource=st.sampled_from(["", "a", "b"]))
    def unavailable(self, who: str, resource: str) -> None:
        self.scene.offline(resource, who=who)

    @rule(who=st.sampled_from(sorted(WATCHERS)), condition=st.sampled_from(["gone", "remote-server-timeout"]))
    def error(self, who: str, condition: str) -> None:
        self.scene.presentities.error_received(who, JULIET, condition)

    @rule(up=st.booleans())
    def link(self, up: bool) -> None:
        self.scene.wire.up = up
        if up:
            self.scene.presentities.link_up("sip.example.org")
        else:
            self.scene.presentities.link_down("sip.example.org")

    @rule(seconds=st.sampled_from([0, 1, 6, 11, HOLD_DOWN_SECONDS + 1, 90_000]))
    def time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def restart(self) -> None:
        for _, looker, _ in self.watches:
            looker.react = lambda notification: None
        self.watches.clear()
        self.scene.start()

    @invariant()
    def nobody_sees_what_is_not_shown_to_him(self) -> None:
        assert self.leaks == []
        for who, approved in self.approved.items():
            assert approved == (self.scene.state(who) is Kind.AUTHORIZED)


class JabberWatcher(RuleBasedStateMachine):
    """Romeo watches bob; what romeo was told must follow from bob's word, and end with it."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = clock_at_start()
        self.scene = test_watchers.Scene(self.clock)
        self.scene.store.slow = True
        self.approved = False
        self.told = False
        self.visible: set[str] = set()
        self.was_down = False
        """What is not told because of a broken link, the server has to find out by a probe."""

    def live(self) -> bool:
        """Whether the source has a watch that it may speak on."""
        watches = self.scene.source.watches
        return bool(watches) and not watches[-1].stopped

    @rule()
    def subscribe(self) -> None:
        self.scene.subscribe()

    @rule()
    def unsubscribe(self) -> None:
        self.scene.watchers.unsubscribe_received(ROMEO, BOB)
        self.approved = False

    @rule()
    def probe(self) -> None:
        self.scene.watchers.probe_received(ROMEO, BOB, f"{ROMEO}/balcony")

    @precondition(live)
    @rule(shows=st.dictionaries(st.sampled_from(["desk", "mobile"]), SHOWS), empty=st.booleans())
    def active(self, shows: dict[str, Show | None], empty: bool) -> None:
        self.approved = True
        tuples = [device(name, show) for name, show in shows.items()]
        self.scene.source.last.active(*tuples, empty=empty)

    @precondition(live)
    @rule()
    def pending(self) -> None:
        self.scene.source.last.pending()

    @precondition(live)
    @rule(reason=st.sampled_from(list(Reason)), wait=st.sampled_from([None, 0, 100]))
    def ended(self, reason: Reason, wait: int | None) -> None:
        last = self.scene.source.last
        last.ended(reason, wait)
        last.stopped = True
        if reason in (Reason.REJECTED, Reason.NORESOURCE):
            self.approved = False

    @rule()
    def commit(self) -> None:
        self.scene.store.commit()

    @rule(up=st.booleans())
    def link(self, up: bool) -> None:
        self.scene.wire.up = up
        self.was_down |= not up
        if up:
            self.scene.watchers.link_up("sip.example.org")

    @rule(seconds=st.sampled_from([0, 1, 61, 101]))
    def time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def presence_follows_the_approval(self) -> None:
        for said in self.scene.wire.take():
            if said.kind == "subscribed":
                self.told = True
            elif said.kind == "unsubscribed":
                self.told = False
            elif said.kind == "available":
                assert self.told, "presence before subscribed or after unsubscribed"
                self.visible.add(said.sender)
            elif said.kind == "unavailable":
                self.visible.discard(said.sender)
        if not self.approved and not self.was_down:
            assert not self.visible

    @invariant()
    def only_one_watch_runs(self) -> None:
        assert sum(not watch.stopped for watch in self.scene.source.watches) <= 1


FEW = settings(max_examples=60, stateful_step_count=40, deadline=None)

TestSipWatchers = SipWatchers.TestCase
TestSipWatchers.settings = FEW
TestJabberWatcher = JabberWatcher.TestCase
TestJabberWatcher.settings = FEW
