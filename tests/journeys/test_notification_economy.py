"""Watchers who want to hear less, and still do after the gateway was killed; no client of today asks for any of it."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.documents.patching import Reader, canonical
from tests.documents.test_event_filter import body
from tests.peers.gateway import Gateway
from tests.peers.sipclient import PIDF, SipClient, Subscription, pidf

DOMAIN = "sip.example.org"
PARTIAL = f"{PIDF};q=0.3, application/pidf-diff+xml"
FILTER = ("Content-Type", "application/simple-filter+xml")
ACTIVITIES = '<filter id="1"><what><include>//rpid:activities</include></what></filter>'


class Stage:
    """A gateway without Jabber, alice who has something to say, and bob who watches her."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        users = {"alice": "rabbit", "bob": "builder"}
        self.gateway = stack.enter_context(Gateway(directory / "gateway", users=users))
        self.alice, self.bob = (
            stack.enter_context(SipClient(name, DOMAIN, self.gateway.sip, password=password))
            for name, password in users.items()
        )
        self.etag = ""

    def says(self, *activities: str) -> None:
        """Alice is doing something else now."""
        answer = self.alice.publish(pidf(self.alice.uri, "open", *activities, note="A note."), etag=self.etag)
        assert answer.status == 200, answer.start
        self.etag = answer.get("sip-etag")

    def dies_and_comes_back(self) -> None:
        self.gateway.kill()
        self.gateway.start()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        stage = Stage(tmp_path, stack)
        yield stage
        bad = [line for line in stage.gateway.lines() if "Traceback" in line or " critical " in line]
        assert not bad, stage.gateway.tail(60)


def state_of(watch: Subscription) -> str:
    return watch.notifies[-1].get("subscription-state")


def test_a_filter_and_a_rate_outlive_kill_9(stage: Stage) -> None:
    stage.says("away")
    watch = stage.bob.subscribe(
        stage.alice.uri, event="presence;max-rate=0.4;id=7", headers=[FILTER], body=body(ACTIVITIES)
    )
    assert watch.response.status == 200
    first = watch.wait_for_text("<rpid:away/>")
    assert "tuple" not in first.text and first.get("event") == "presence;id=7"
    assert "max-rate=0.4" in state_of(watch)
    for activity in ("busy", "meal", "vacation"):
        stage.says(activity)
    told = watch.wait_for_text("<rpid:vacation/>")
    assert len(watch.notifies) == 2 and "note" not in told.text

    stage.dies_and_comes_back()
    again = watch.wait_for_text("<rpid:vacation/>", after=2)
    began = time.monotonic()
    assert "tuple" not in again.text and "max-rate=0.4" in state_of(watch)
    for activity in ("away", "busy"):
        stage.says(activity)
    last = watch.wait_for_text("<rpid:busy/>", after=3)
    assert len(watch.notifies) == 4 and "tuple" not in last.text
    assert time.monotonic() - began > 1.5
    watch.event = "presence;id=7"
    assert watch.refresh().status == 200
    watch.wait_for_text("<rpid:busy/>", after=4)
    assert "max-rate" not in state_of(watch)
    stage.says("meal")
    watch.wait_for_text("<rpid:meal/>", after=5, within=1.5)


def test_a_watcher_that_has_the_state_is_not_told_it_again_after_kill_9(stage: Stage) -> None:
    stage.says("away")
    watch = stage.bob.subscribe(stage.alice.uri)
    tag = watch.wait_for_text("<rpid:away/>").get("sip-etag")
    had = ("Suppress-If-Match", tag)
    assert tag and watch.send(600, [had]).status == 204
    fetch = stage.bob.subscribe(stage.alice.uri, expires=0, headers=[had])
    only = fetch.wait_for_state("terminated")
    assert fetch.response.status == 200 and only.body == b"" and only.get("sip-etag") == tag

    stage.dies_and_comes_back()
    assert watch.send(600, [had]).status in {200, 204}, "it may not know yet what there is to tell"
    second = stage.bob.subscribe(stage.alice.uri, headers=[had])
    assert second.wait().body == b"" and second.response.status == 200
    assert all(notify.body == b"" for notify in watch.notifies[1:])
    stage.says("busy")
    told = watch.wait_for_text("<rpid:busy/>")
    second.wait_for_text("<rpid:busy/>")
    count = len(watch.notifies)
    assert watch.send(0, [("Suppress-If-Match", told.get("sip-etag"))]).status == 204
    stage.says("meal")
    second.wait_for_text("<rpid:meal/>")
    assert len(watch.notifies) == count


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_watcher_of_changes_has_what_others_have(stage: Stage, transport: str) -> None:
    with SipClient("bob", DOMAIN, stage.gateway.sip, password="builder", transport=transport) as bob:
        stage.says("away")
        whole, partial = bob.subscribe(stage.alice.uri), bob.subscribe(stage.alice.uri, accept=PARTIAL)
        reader, read = Reader(), 0
        for number, activities in enumerate((["busy"], ["meal", "travel"], [], ["vacation"], ["away"]), 1):
            if number == 4:
                stage.dies_and_comes_back()
                whole.wait(after=4, what="the state after the restart")
                partial.wait(after=4, what="the state after the restart")
            before = len(whole.notifies), len(partial.notifies)
            stage.says(*activities)
            shown = whole.wait(lambda notify: bool(notify.body), after=before[0])
            partial.wait(lambda notify: bool(notify.body), after=before[1])
            for notify in partial.notifies[read:]:
                assert notify.get("content-type") == "application/pidf-diff+xml"
                reader.read(notify.body)
                assert not reader.stale
            read = len(partial.notifies)
            assert reader.document == canonical(shown.body)
        assert any(b"pidf-diff " in notify.body for notify in partial.notifies)
