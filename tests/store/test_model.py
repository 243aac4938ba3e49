"""Any sequence of changes leaves every engine in the state that a dictionary would be in."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sip2xmpp.address import Address
from sip2xmpp.store.interface import Change, ChangeKind
from sip2xmpp.store.records import Publication
from tests.store.engines import Engine, publication, sqlite_url

etags = st.sampled_from("abcdef")
presentities = st.sampled_from([Address(name, "sip.example.org") for name in ("alice", "bob", "")])


class Model(RuleBasedStateMachine):
    """One table beside a dictionary; the feed builds a third copy."""

    url = "memory:"

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, Publication] = {}
        self.copy: dict[str, Publication] = {}
        self.engine = Engine(self.url)
        self.listen()

    @property
    def table(self):
        return self.engine.store.publications

    @property
    def now(self) -> float:
        return self.engine.clock.seconds()

    def listen(self) -> None:
        self.copy = {record.key: record for record in self.table.all()}
        self.table.listen(self.hear)

    def hear(self, change: Change[Publication]) -> None:
        if change.kind is ChangeKind.PUT:
            assert self.copy.get(change.record.key) == change.previous
            self.copy[change.record.key] = change.record
        else:
            assert self.copy.pop(change.record.key) == change.record
            assert (change.kind is ChangeKind.EXPIRED) == (change.record.expires_at <= self.now)

    @initialize()
    def start(self) -> None:
        assert len(self.table) == 0

    @rule(
        etag=etags,
        presentity=presentities,
        lasts=st.sampled_from([0.5, 1, 2.5, 60]),
        text=st.text(max_size=3),
    )
    def put(self, etag: str, presentity: Address, lasts: float, text: str) -> None:
        record = publication(
            etag, presentity, ends=self.now + lasts, text=text.encode("ascii", "replace").decode()
        )
        previous = self.model.get(etag)
        if previous is not None and previous.group != record.group:
            del self.model[etag]
        self.model[etag] = record
        self.table.put(record)

    @rule(etag=etags)
    def remove(self, etag: str) -> None:
        self.model.pop(etag, None)
        self.table.remove(etag)

    @rule(seconds=st.sampled_from([0, 0.25, 1, 2, 100]))
    def pass_time(self, seconds: float) -> None:
        self.engine.clock.advance(seconds)
        self.model = {key: record for key, record in self.model.items() if record.expires_at > self.now}

    @rule()
    def commit(self) -> None:
        self.engine.commit()

    @invariant()
    def reads_agree(self) -> None:
        assert {r.key: r for r in self.table.all()} == self.model
        for etag in "abcdef":
            assert self.table.get(etag) == self.model.get(etag)
        for group in ("alice@sip.example.org", "bob@sip.example.org", "sip.example.org"):
            assert self.table.select(group) == tuple(r for r in self.model.values() if r.group == group)

    @invariant()
    def feed_agrees(self) -> None:
        assert {key: r for key, r in self.copy.items() if r.expires_at > self.now} == self.model
        late = [r for r in self.copy.values() if r.expires_at <= self.now - 1]
        assert late == []

    def teardown(self) -> None:
        self.engine.close()


class DurableModel(Model):
    """The same, with restarts."""

    def __init__(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.url = sqlite_url(Path(self.directory.name))
        super().__init__()

    @rule()
    def restart(self) -> None:
        self.engine.reopen()
        assert {r.key: r for r in self.table.all()} == self.model
        # What was removed and put again within one transaction may have its former place back.
        self.model = {record.key: record for record in self.table.all()}
        self.listen()
        self.engine.clock.advance(0)

    def teardown(self) -> None:
        super().teardown()
        self.directory.cleanup()


TestMemory = Model.TestCase
TestMemory.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestSqlite = DurableModel.TestCase
TestSqlite.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
