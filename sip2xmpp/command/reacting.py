"""What verbs that speak on the network share: a reactor of their own, and a configuration that may be missing.

``react`` runs one coroutine under the global reactor until it has ended.  Ctrl-C and SIGTERM cancel it where it waits; it may
catch ``CancelledError`` to say goodbye, and what it then returns counts.  One that does not catch it ends the command as
interrupted.
"""

import argparse
import os
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from sip2xmpp.command.arguments import configuration
from sip2xmpp.config import DEFAULT_PATH, Config

T = TypeVar("T")


def configuration_if_any(arguments: argparse.Namespace) -> Config | None:
    """The configuration, or None when nothing was said about it and the usual file is not for us to read.

    Raises ``ConfigError`` for a file that was named and cannot be read, and for one with faults.
    """
    if arguments.config == DEFAULT_PATH and not os.access(DEFAULT_PATH, os.R_OK):
        return None
    return configuration(arguments)


def react(main: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
    """What ``main(reactor)`` returns; raises what it raises.  Can be called once in a process."""
    from twisted.internet import reactor as installed  # noqa: PLC0415 - importing it installs it

    reactor: Any = installed
    outcome: list[T | Failure] = []
    over: Deferred[None] = Deferred()

    def begin() -> None:
        running = Deferred.fromCoroutine(main(reactor))
        running.addBoth(ended)
        reactor.addSystemEventTrigger("before", "shutdown", interrupt, running)

    def interrupt(running: "Deferred[None]") -> "Deferred[None] | None":
        if outcome:
            return None
        running.cancel()
        return over

    def ended(result: T | Failure) -> None:
        outcome.append(result)
        over.callback(None)
        reactor.callLater(0, stop)

    def stop() -> None:
        # an interrupted reactor is stopping already
        if not reactor._stopped:
            reactor.stop()

    reactor.callWhenRunning(begin)
    reactor.run()
    (result,) = outcome
    if isinstance(result, Failure):
        if isinstance(result.value, CancelledError):
            raise KeyboardInterrupt
        result.raiseException()
    return result
