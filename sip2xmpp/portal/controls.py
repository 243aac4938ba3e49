"""What programs may do to the gateway itself: have it read its configuration again, or start anew.

``Controls`` is filled in by whoever started the process, and refuses until then.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sip2xmpp.errors import ConfigError
from sip2xmpp.portal.operations import Answer, Call, Operation
from sip2xmpp.portal.problems import Fault, Problem
from sip2xmpp.portal.tokens import Right

NOT_YET = "the gateway is starting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """Keys of the configuration that are others in the file: those ``taken`` over, and those that ``wait`` for a restart."""

    taken: Sequence[str] = ()
    waiting: Sequence[str] = ()

    def __str__(self) -> str:
        taken = f"taken over: {', '.join(self.taken)}" if self.taken else "nothing to take over"
        return f"{taken}; needs a restart: {', '.join(self.waiting)}" if self.waiting else taken


async def _not_yet() -> Reloaded:
    raise Problem(409, NOT_YET)


def _cannot() -> str:
    return NOT_YET


class Controls:
    """``reload`` raises ``ConfigError`` with every fault; ``restart`` begins soon, or says why it does not."""

    def __init__(self) -> None:
        self.reload: Callable[[], Awaitable[Reloaded]] = _not_yet
        self.restart: Callable[[], str] = _cannot

    def operations(self) -> list[Operation]:
        """Both, for operators."""
        keys = {"type": "array", "items": {"type": "string"}}
        return [
            Operation(
                method="POST",
                path="/api/v1/reload",
                name="reload",
                summary="Read the configuration again",
                about="Everything in the file is checked first: with one fault nothing changes. No subscription, registration "
                "or connection ends. `taken` are the keys that were other ones and are in force now, `waiting` those that "
                "need a restart.",
                right=Right.OPERATE,
                serve=self._reload,
                answer={
                    "type": "object",
                    "properties": {"taken": keys, "waiting": keys},
                    "required": ["taken", "waiting"],
                    "additionalProperties": False,
                },
                refuses={409: "The file has faults, each of which is in `errors`."},
            ),
            Operation(
                method="POST",
                path="/api/v1/restart",
                name="restart",
                summary="Start the gateway anew, without farewell",
                about="The process stores everything, becomes the program that is installed now, and goes on with the same "
                "listening sockets: no datagram is lost, no connection is refused, and nobody is seen to go offline. "
                "Connections that are open end.",
                right=Right.OPERATE,
                serve=self._restart,
                refuses={409: "This process cannot do that."},
            ),
        ]

    async def _reload(self, call: Call) -> Answer:  # noqa: ARG002 - there is nothing to say
        try:
            made = await self.reload()
        except ConfigError as error:
            faults = [Fault("", fault) for fault in error.faults]
            raise Problem(
                409, f"the configuration has faults: {'; '.join(error.faults)}", faults=faults
            ) from None
        return Answer(
            value={"taken": list(made.taken), "waiting": list(made.waiting)},
            done=f"read the configuration again: {made}",
        )

    async def _restart(self, call: Call) -> Answer:  # noqa: ARG002
        why_not = self.restart()
        if why_not:
            raise Problem(409, why_not)
        return Answer(done="had the gateway start anew")
