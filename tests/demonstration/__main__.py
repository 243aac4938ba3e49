"""``python -m tests.demonstration [--once]``: see ``etc/demo``.

Exit status: with ``--once`` 0 if everything was seen by the other side in time, else 1; without, 0 when Ctrl-C (or SIGTERM,
or the end of the terminal) ends it.
"""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from tests.demonstration.play import ACQUAINTANCE, DAY
from tests.demonstration.programme import Outcome, Programme
from tests.demonstration.scene import Scene
from tests.demonstration.show import Show, show_for

PAUSE = 2.0
"""Seconds between two steps when nobody is in a hurry."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends it."""

GLANCE = 0.25
"""Seconds between two looks at the window's size."""


def main() -> int:
    """Run the demonstration."""
    parser = argparse.ArgumentParser(
        prog="etc/demo",
        description="Shows romeo (Jabber) and bob (SIP) seeing each other through the gateway, all on loopback.",
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="run the script once, print the table, exit 0 if all went well, else 1",
    )
    once: bool = parser.parse_args().once
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    show = show_for(sys.stdout)
    outcomes: list[Outcome] = []
    rounds = 0
    interrupted = False
    try:
        with tempfile.TemporaryDirectory(prefix="sip2xmpp-demo-") as directory:
            show.says("Starting Prosody and the gateway...")
            with Scene(Path(directory)) as scene, Programme(scene) as programme:
                show.opens(scene)
                while not (once and rounds):
                    rounds += 1
                    show.begins(rounds)
                    _round(rounds, scene, programme, show, outcomes=outcomes, pause=0.0 if once else PAUSE)
                _deafen()
    except KeyboardInterrupt:
        interrupted = True
    except AssertionError as error:
        show.ends(outcomes, rounds, whole=once)
        print(f"The demonstration cannot go on: {error}", file=sys.stderr)
        return 1
    show.ends(outcomes, rounds, whole=once)
    if interrupted:
        return 130 if once else 0
    return 1 if any(outcome.trouble for outcome in outcomes) else 0


def _round(
    number: int, scene: Scene, programme: Programme, show: Show, *, outcomes: list[Outcome], pause: float
) -> None:
    """Perform the play once; the acquaintance is made in the first round."""
    if number > 1:
        scene.renew()
    for step in (*ACQUAINTANCE, *DAY) if number == 1 else DAY:
        show.waits(step)
        outcome = programme.perform(step)
        outcomes.append(outcome)
        show.saw(outcome)
        left = pause
        while left > 0:
            scene.mind(min(GLANCE, left))
            left -= GLANCE
            show.refresh()


def _interrupt(*_: object) -> None:
    """End it, once: cleaning up is not to be interrupted."""
    _deafen()
    raise KeyboardInterrupt


def _deafen() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
