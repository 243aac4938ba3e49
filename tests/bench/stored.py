"""State that a gateway finds when it starts: subscriptions and publications, written through the project's own store.

``sip:stored-n@domain`` has published, and ten watch each; their Contacts are at the wire, so that it gets their NOTIFYs and
answers them.  They are counted from ``FIRST`` on, where no watcher of a ``Load`` comes.
"""

import time
from typing import Final

from sip2xmpp.address import Address
from sip2xmpp.store.interface import Store
from sip2xmpp.store.opening import open_store
from sip2xmpp.store.records import DialogRecord, Publication
from tests.bench.load import LIFETIME
from tests.bench.messages import DOCUMENT, FIRST_NUMBER
from tests.bench.wire import Wire
from tests.peers.gateway import Gateway
from tests.store.engines import ThreadedClock

FIRST: Final = 800_000
"""The index of the first stored watcher; they have six digits."""
WATCHERS: Final = 10
"""How many watch one presentity."""
AT_ONCE: Final = 5000
"""Records in one transaction."""
FILE: Final = "stored.db"
NAME: Final = "stored"


def write_state(gateway: Gateway, wire: Wire, subscriptions: int) -> None:
    """Make the file ``FILE`` in the gateway's directory, before the gateway starts."""
    clock = ThreadedClock()
    clock.rightNow = time.time()
    store: Store = open_store(f"sqlite:{gateway.directory / FILE}", reactor=clock)
    host, port = wire.here.decode().split(":")
    flow = f"udp {gateway.sip[0]} {gateway.sip[1]} {host} {port}"
    domain = gateway.domains[0]
    presentities = [Address(f"{NAME}-{n:06d}", domain) for n in range(-(-subscriptions // WATCHERS))]
    for number, presentity in enumerate(presentities):
        store.publications.put(_publication(number, presentity, clock.rightNow))
        if number % AT_ONCE == 0:
            clock.run_until(store.committed())
    for number in range(subscriptions):
        store.dialogs.put(
            _dialog(number, presentities[number // WATCHERS], domain, flow, clock.rightNow + LIFETIME)
        )
        if number % AT_ONCE == 0:
            clock.run_until(store.committed())
    clock.run_until(store.close())


def _publication(number: int, presentity: Address, now: float) -> Publication:
    uri = presentity.sip_uri().encode()
    return Publication(
        presentity=presentity,
        package="presence",
        etag=f"5t0red.{number:x}~1",
        source=f"document={number:08x}:127.0.0.1:00000000",
        content_type="application/pidf+xml",
        document=DOCUMENT % {b"presentity": uri, b"mark": b"change-%09d" % 0},
        user_agent="load/1",
        published_at=now,
        expires_at=now + LIFETIME,
    )


def _dialog(number: int, presentity: Address, domain: str, flow: str, ends: float) -> DialogRecord:
    index = FIRST + number
    watcher = Address(f"watcher-{index}", domain)
    peer = flow.split(" ", 3)[3].replace(" ", ":")
    return DialogRecord(
        role="notifier",
        call_id=f"watcher-{index}@{peer}",
        local_tag=f"{FIRST_NUMBER + number:016x}",
        remote_tag=f"w{index}",
        watcher=watcher,
        presentity=presentity,
        event="presence",
        local_uri=presentity.sip_uri(),
        remote_uri=watcher.sip_uri(),
        remote_target=f"sip:w{index}@{peer}",
        route_set=(),
        cseq_ceiling=1000,
        remote_cseq=1,
        flow=flow,
        accept="application/pidf+xml",
        user_agent="load/1",
        expires_at=ends,
    )
