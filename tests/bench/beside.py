"""One watcher of one presentity, while another presentity with many watchers changes: whether the crowd is in the way.

The one is on a socket of its own, and its presentity changes again as soon as it has heard of the last change, for as long as
the crowd is being told of theirs.
"""

from pathlib import Path
from typing import Any, Final

from tests.bench.load import PATIENCE, Load, Publisher
from tests.bench.meter import BOUND, Meter, spread
from tests.bench.rows import LATE, publish_all, subscribe_all
from tests.bench.wire import Wire
from tests.peers.gateway import Gateway

CHANGES: Final = 5
"""Of the crowd's presentity."""


def beside(directory: Path, state: str, size: int) -> dict[str, Any]:
    """``size`` watchers in the crowd; ``p50``, ``p99`` and ``longest`` are what the one waits for a NOTIFY, in milliseconds."""
    settings = {"gateway": {"state": state}, "sip": {"authentication": "none"}}
    with Gateway(directory / "gateway", settings=settings) as gateway:
        assert gateway.process is not None
        many, one = Wire(gateway.sip), Wire(gateway.sip)
        try:
            many.join(one)
            return _measure(
                Load(many, "sip.example.org"), Load(one, "sip.example.org"), gateway.process.pid, size
            )
        finally:
            many.close()
            one.close()


def _measure(crowd: Load, single: Load, pid: int, size: int) -> dict[str, Any]:
    everybodys, ones = crowd.presentity("fan", 0), single.presentity("one", 0)
    missing = publish_all(crowd, [everybodys]) + publish_all(single, [ones])
    missing += subscribe_all(crowd, [everybodys] * size)[1] + subscribe_all(single, [ones])[1]
    loud, quiet = crowd.publisher(everybodys), single.publisher(ones)
    told = answers = under_way = 0
    samples: list[float] = []
    is_over = False

    def crowd_notified(_: int, octets: bytes, __: float) -> None:
        nonlocal told
        told += loud.mark in octets

    def one_notified(_: int, octets: bytes, at: float) -> None:
        if quiet.mark in octets:
            samples.append(at - quiet.began)
            done()

    def answered(_: Publisher, status: int, __: float) -> None:
        nonlocal missing
        missing += status != 200
        done()

    def done() -> None:
        """The NOTIFY or the 200 of the one's change; after both it changes again."""
        nonlocal under_way
        under_way -= 1
        if not under_way and not is_over:
            change()

    def change() -> None:
        nonlocal under_way
        under_way = 2
        quiet.publish(answered)

    def crowd_answered(_: Publisher, status: int, __: float) -> None:
        nonlocal answers, missing
        answers += 1
        missing += status != 200

    def all_told() -> bool:
        return told >= size and answers > 0

    crowd.wire.notified, single.wire.notified = crowd_notified, one_notified
    meter = Meter(pid)
    for _ in range(CHANGES):
        told = answers = 0
        is_over = False
        loud.publish(crowd_answered)
        change()
        crowd.wire.run(all_told, PATIENCE)
        missing += size - told
        is_over = True
        crowd.wire.run(lambda: not under_way, PATIENCE)
    cost = meter.stop(len(samples))
    return {
        **cost,
        **spread(samples),
        "longest": 1000 * max(samples, default=PATIENCE),
        "lost": missing + (under_way > 0),
        "late": sum(each > LATE for each in samples),
        "generator_bound": cost["generator_share"] > BOUND,
        "counted": dict(crowd.wire.count + single.wire.count),
    }
