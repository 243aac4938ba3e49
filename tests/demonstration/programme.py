"""Performing the play: each step is done, the other side is watched, and the time between the two is kept."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.demonstration.eyes import NOTHING, Sight
from tests.demonstration.play import Step, Who
from tests.demonstration.scene import Scene

LIMIT = 5.0
"""Seconds within which a change must be seen on the other side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a step: the time in milliseconds from the moment it was sent until it was seen, or the trouble."""

    step: Step
    sight: Sight = NOTHING
    milliseconds: float = 0.0
    trouble: str = ""


class Programme:
    """Performs steps on a scene; use it as a context manager."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        # a request lasts until its final response, and the other side may see its effect before
        self._requests = ThreadPoolExecutor(1, thread_name_prefix="request")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._requests.shutdown()

    def perform(self, step: Step) -> Outcome:
        """Do a step and wait until it is seen."""
        scene = self._scene
        scene.mind(0.0)
        scene.heard = len(scene.bob.received)
        doing: Future[object] | None = None
        sent = time.monotonic()
        try:
            if step.actor is not Who.ROMEO:
                doing = self._requests.submit(step.act, scene)
            else:
                step.act(scene)
            sight = step.look(scene, step.expected, LIMIT)
            milliseconds = (time.monotonic() - sent) * 1000
            if doing is not None:
                doing.result()
        except (AssertionError, OSError) as error:
            return Outcome(step=step, trouble=_why(doing, error))
        return Outcome(step=step, sight=sight, milliseconds=milliseconds)


def _why(doing: "Future[object] | None", error: Exception) -> str:
    """One line: what went wrong with the doing, or that nothing was seen."""
    if doing is not None and (mishap := doing.exception()) is not None:
        return str(mishap).splitlines()[0]
    if isinstance(error, OSError):
        return str(error)
    return f"not seen within {LIMIT:g} s"
