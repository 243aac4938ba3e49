"""No acknowledged change is lost, whenever the process is killed."""

import random
import signal
import subprocess
import sys
from pathlib import Path

from sip2xmpp.store.records import DialogRecord
from tests.store.engines import Engine, dialog, sqlite_url

ROUNDS = 8
WRITER = "tests.integration.acknowledging_writer"
ROOT = Path(__file__).parents[2]


def acknowledged_until_killed(url: str, first: int, lines: int) -> dict[int, int]:
    """Kill the writer after it has printed so many lines; dialog number -> highest acknowledged CSeq."""
    writer = subprocess.Popen(
        [sys.executable, "-m", WRITER, url, str(first)], cwd=ROOT, stdout=subprocess.PIPE, bufsize=0
    )
    assert writer.stdout is not None
    printed = b""
    while printed.count(b"\n") < lines:
        piece = writer.stdout.read(4096)
        assert piece, "the writer ended by itself"
        printed += piece
    writer.kill()
    printed += writer.communicate()[0]
    assert writer.returncode == -signal.SIGKILL
    acknowledged: dict[int, int] = {}
    for line in printed[: printed.rindex(b"\n")].splitlines():
        number, cseq = map(int, line.split())
        acknowledged[number] = cseq
    return acknowledged


def stored(url: str) -> dict[str, DialogRecord]:
    engine = Engine(url)
    found = {record.key: record for record in engine.store.dialogs.all()}
    engine.close()
    return found


def test_every_acknowledged_change_survives_kill_9_at_random_moments(tmp_path: Path):
    rng = random.Random()
    url = sqlite_url(tmp_path)
    expected: dict[int, int] = {}
    first = 1
    for _ in range(ROUNDS):
        expected |= acknowledged_until_killed(url, first, rng.randrange(1, 4000))
        found = stored(url)
        for number, cseq in expected.items():
            assert found[dialog(number).key].cseq_ceiling >= cseq
        first = 1 + max(record.cseq_ceiling for record in found.values())
    assert expected
