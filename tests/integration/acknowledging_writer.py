"""Writes dialogs as fast as it can, and prints key and CSeq of each after its commit; runs until it is killed.

Arguments: the URL of the store, and the first CSeq to use.
"""

import itertools
import os
import sys
from dataclasses import replace

from twisted.internet import reactor

from sip2xmpp.store.interface import Store
from sip2xmpp.store.opening import open_store
from tests.store.engines import dialog

DIALOGS = 400
PER_TURN = 7
FAR = 4e9


def main(url: str, first: int) -> None:
    store: Store = open_store(url, reactor=reactor)
    numbers = itertools.count(first)

    def acknowledge(_: None, lines: bytes) -> None:
        os.write(1, lines)

    def turn() -> None:
        lines = b""
        for number in itertools.islice(numbers, PER_TURN):
            record = replace(dialog(number % DIALOGS, cseq=number), expires_at=FAR)
            store.dialogs.put(record)
            lines += f"{number % DIALOGS} {number}\n".encode()
        store.committed().addCallback(acknowledge, lines)
        reactor.callLater(0, turn)

    reactor.callWhenRunning(turn)
    reactor.run()


main(sys.argv[1], int(sys.argv[2]))
