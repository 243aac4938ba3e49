"""What the demonstration puts on the terminal: a screen that is drawn again in place, or plain lines where there is none."""

import statistics
from collections.abc import Sequence
from typing import Protocol, TextIO

from sip2xmpp.command.screen import (
    Column,
    Ink,
    Screen,
    can_redraw,
    cut,
    fitted,
    ink_for,
    line,
    printable,
    table,
    window,
)
from tests.demonstration.eyes import NOTHING, Sight
from tests.demonstration.play import ACQUAINTANCE, DAY, Step, Who
from tests.demonstration.programme import Outcome
from tests.demonstration.scene import BOB, JABBER_DOMAIN, JABBER_USERS, SIP_DOMAIN, SIP_USERS, Scene

TITLE = "sip2xmpp: romeo (Jabber, on Prosody) and bob (SIP) see each other"

JOIN = (
    Column(heading="", rank=1),
    Column(heading="ADDRESS"),
    Column(heading="PASSWORD"),
    Column(heading="REACHED AT"),
)
NOW = (
    Column(heading=""),
    Column(heading="STATE"),
    Column(heading="TEXT", rank=1),
    Column(heading="ACTIVITY", rank=2),
    Column(heading="MS", right=True),
)
STEPS = (
    Column(heading="WHO"),
    Column(heading="DOES", rank=3),
    Column(heading="SEEN BY", rank=4),
    Column(heading="STATE"),
    Column(heading="TEXT", rank=2),
    Column(heading="ACTIVITY", rank=1),
    Column(heading="MS", right=True),
)

ROOM = 20
"""Rows of a window that has room for the accounts beside the tables."""


class Show(Protocol):
    """Where the demonstration is shown."""

    def says(self, sentence: str) -> None:
        """Something is under way."""

    def opens(self, scene: Scene) -> None:
        """The scene is there; tell how to join."""

    def begins(self, number: int) -> None:
        """A round begins."""

    def waits(self, step: Step) -> None:
        """A step is being done."""

    def saw(self, outcome: Outcome) -> None:
        """A step is done."""

    def refresh(self) -> None:
        """Time goes by; the window may have another size now."""

    def ends(self, outcomes: Sequence[Outcome], rounds: int, *, whole: bool) -> None:
        """It is over; with ``whole`` the table of everything that was seen is shown as the last thing."""


def show_for(stream: TextIO) -> Show:
    """The fitting one."""
    return LiveShow(stream) if can_redraw(stream) else PlainShow(stream)


def accounts(scene: Scene) -> list[str]:
    """How one's own clients can join."""
    server = "{}:{}".format(*scene.prosody.c2s)
    proxy = "{}:{}".format(*scene.gateway.sip)
    rows = [
        *(
            ("Jabber", f"{user}@{JABBER_DOMAIN}", word, f"server {server}")
            for user, word in JABBER_USERS.items()
        ),
        *(("SIP", f"sip:{user}@{SIP_DOMAIN}", word, f"proxy {proxy}") for user, word in SIP_USERS.items()),
    ]
    return [
        "Join with clients of your own (Jabber without TLS; SIP by UDP or TCP):",
        *table(JOIN, rows, window()[0]),
        f"juliet is free to add {BOB}, alice to add romeo@{JABBER_DOMAIN}.",
        f"In a browser: {scene.pages} (bob or alice, same passwords; alice has the control panel).",
    ]


def row(outcome: Outcome) -> tuple[str, ...]:
    """A step as a row of the table."""
    step, sight = outcome.step, outcome.sight
    did = (step.actor.value, step.does, step.viewer.value)
    if outcome.trouble:
        return (*did, "FAILED", printable(outcome.trouble), "", "")
    return (*did, *_words(sight), f"{outcome.milliseconds:.1f}")


def summary(outcomes: Sequence[Outcome], rounds: int) -> str:
    """One sentence about everything."""
    times = [outcome.milliseconds for outcome in outcomes if not outcome.trouble]
    failed = len(outcomes) - len(times)
    count = f"{len(outcomes)} changes" + (f" in {rounds} rounds" if rounds > 1 else "")
    if not times:
        return f"{count}, none of them was seen by the other side."
    speed = f"in {statistics.median(times):.1f} ms (median), {max(times):.1f} ms at most"
    if failed:
        return f"{count}: {failed} failed, the others were seen by the other side {speed}."
    return f"{count}, all seen by the other side {speed}."


class PlainShow:
    """Lines as things happen, for files and pipes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._widths = fitted(STEPS, _widest(), window()[0])

    def says(self, sentence: str) -> None:
        self._print(sentence)

    def opens(self, scene: Scene) -> None:
        self._print("", *accounts(scene), "")

    def begins(self, number: int) -> None:
        heading = line(STEPS, [column.heading for column in STEPS], self._widths)
        self._print(*(("", f"Round {number}") if number > 1 else ()), heading)

    def waits(self, step: Step) -> None:
        """A line is printed when its step is done."""

    def saw(self, outcome: Outcome) -> None:
        self._print(line(STEPS, row(outcome), self._widths))

    def refresh(self) -> None:
        """Lines stay as they are."""

    def ends(self, outcomes: Sequence[Outcome], rounds: int, *, whole: bool) -> None:
        if outcomes:
            self._print("", summary(outcomes, rounds))

    def _print(self, *lines: str) -> None:
        print(*lines, sep="\n", file=self._stream, flush=True)


class LiveShow:
    """The whole terminal: how to join, what each sees now, and the latest steps."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._ink: Ink = ink_for(stream)
        self._screen = Screen(stream)
        self._accounts: list[str] = []
        self._sentence = ""
        self._round = 0
        self._now: dict[Who, Outcome] = {}
        self._outcomes: list[Outcome] = []
        self._waiting: Step | None = None

    def says(self, sentence: str) -> None:
        self._sentence = sentence
        self.refresh()

    def opens(self, scene: Scene) -> None:
        self._accounts = ["", *accounts(scene)]
        self.says("")

    def begins(self, number: int) -> None:
        self._round = number
        self.refresh()

    def waits(self, step: Step) -> None:
        self._waiting = step
        self.refresh()

    def saw(self, outcome: Outcome) -> None:
        self._waiting = None
        self._outcomes.append(outcome)
        del self._outcomes[:-200]
        if outcome.step.lasting and not outcome.trouble:
            self._now[outcome.step.viewer] = outcome
        self.refresh()

    def refresh(self) -> None:
        width, height = window()
        right = f"round {self._round}, Ctrl-C ends it" if self._round else "Ctrl-C ends it"
        lines = [self._ink.bold(cut(TITLE, width)), self._ink.dim(cut(right, width))]
        if height >= ROOM or not self._round:
            lines += [cut(each, width) for each in self._accounts]
        if self._sentence:
            lines += ["", cut(self._sentence, width)]
        if self._round:
            lines += ["", *self._now_table(width), ""]
            lines += self._steps(width, self._outcomes[-max(0, height - len(lines) - 3) :])
        self._screen.draw(lines)

    def ends(self, outcomes: Sequence[Outcome], rounds: int, *, whole: bool) -> None:
        self._screen.close()
        if not outcomes:
            return
        self._waiting = None
        lines = [*self._steps(window()[0], outcomes), ""] if whole else []
        failures = [each for each in outcomes if each.trouble]
        told = summary(outcomes, rounds)
        lines.append(self._ink.red(told) if failures else self._ink.green(told))
        print(*lines, sep="\n", file=self._stream, flush=True)

    def _now_table(self, width: int) -> list[str]:
        rows = [
            self._now_row("romeo sees bob", Who.ROMEO),
            self._now_row("bob sees romeo", Who.BOB),
        ]
        widths = fitted(NOW, [*rows, *_widest_now()], width)
        heading = line(NOW, [column.heading for column in NOW], widths)
        return [self._ink.dim(heading), *(self._ink.bold(line(NOW, each, widths)) for each in rows)]

    def _now_row(self, heading: str, who: Who) -> tuple[str, ...]:
        outcome = self._now.get(who)
        if outcome is None:
            return (heading, "", "", "", "")
        return (heading, *_words(outcome.sight), f"{outcome.milliseconds:.1f}")

    def _steps(self, width: int, outcomes: Sequence[Outcome]) -> list[str]:
        widths = fitted(STEPS, _widest(), width)
        lines = [self._ink.dim(line(STEPS, [column.heading for column in STEPS], widths))]
        for outcome in outcomes:
            shown = line(STEPS, row(outcome), widths)
            lines.append(self._ink.red(shown) if outcome.trouble else shown)
        if self._waiting is not None:
            step = self._waiting
            did = (step.actor.value, step.does, step.viewer.value, "…", "", "", "")
            lines.append(self._ink.dim(line(STEPS, did, widths)))
        return lines


def _words(sight: Sight) -> tuple[str, str, str]:
    return printable(sight.state), printable(sight.text), printable(sight.activity)


def _widest() -> list[tuple[str, ...]]:
    """Every row of the play, so that columns keep their places from the first row on."""
    steps = (*ACQUAINTANCE, *DAY)
    return [row(Outcome(step=step, sight=step.expected, milliseconds=1000)) for step in steps]


def _widest_now() -> list[tuple[str, ...]]:
    steps = [step for step in DAY if step.lasting]
    return [("", *_words(step.expected), "1000.0") for step in steps] or [("", *_words(NOTHING), "")]
