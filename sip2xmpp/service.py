"""The composition root: what twistd starts, and the only module that knows the reactor.

``makeService`` reads the configuration and ends the process with one line per fault if it has any.  ``Gateway`` opens and builds
the rest when it starts, because twistd may have forked in between.  Restored subscriptions are taken up before the first packet
is read.  Stopping goes the other way round: Jabber users are told that contacts are gone, links are closed in order, and the
store commits last.
"""

import gc
import sys
from collections.abc import Mapping
from random import SystemRandom
from typing import Any, NoReturn, TextIO

from twisted.application.service import IServiceCollection, MultiService
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import ILogObserver, Logger
from twisted.python import usage
from twisted.python.components import Componentized
from twisted.python.logfile import LogFile

from sip2xmpp import __version__
from sip2xmpp.assembly import Parts, assemble
from sip2xmpp.config import DEFAULT_PATH, Config, load
from sip2xmpp.errors import ConfigError
from sip2xmpp.logs import observer
from sip2xmpp.portal.health import Health
from sip2xmpp.portal.site import site
from sip2xmpp.store.opening import open_store

COLLECTION = (2_000, 3, 2_500)
"""Thresholds of the garbage collector.  What requests make is freed without it; what it would look through again and again
is live: subscriptions, publications, answers that may be asked for once more.  A pass over the youngest takes about 1 ms and one
over the next generation four times that, however much is held; with the last, which is a pause of a second at a hundred thousand
subscriptions, it waits until twenty million objects are new.  Python's own thresholds double the cost of a subscription."""


class Options(usage.Options):
    """The options of ``twistd sip2xmpp``."""

    optParameters = [  # noqa: RUF012 - as usage.Options declares it
        ["config", "c", str(DEFAULT_PATH), "The configuration file."],
    ]


def makeService(options: Mapping[str, Any]) -> "Gateway":
    """Twisted's name for making the service; a faulty configuration ends the process with status 1."""
    try:
        config = load(options["config"])
    except ConfigError as error:
        refuse(error)
    return Gateway(config, log_stream(getattr(options, "parent", None)))


def log_stream(twistd: Mapping[str, Any] | None) -> TextIO | None:
    """Where twistd's own options want the log: standard output, or a file; None if twistd has an observer of its own."""
    if twistd is None:
        return sys.stdout
    if twistd.get("logger") or twistd.get("syslog"):
        return None
    name = twistd.get("logfile")
    if name == "-" or (not name and twistd.get("nodaemon")):
        return sys.stdout
    file: TextIO = LogFile.fromFullPath(name or "twistd.log")  # type: ignore[no-untyped-call]
    return file


def refuse(error: ConfigError) -> NoReturn:
    """Say every fault on a line of its own, and end."""
    for fault in error.faults:
        print(f"sip2xmpp: {fault}", file=sys.__stderr__)
    raise SystemExit(1)


class Gateway(MultiService):
    """The whole program as a service."""

    log = Logger()

    def __init__(self, config: Config, log_to: TextIO | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._config = config
        self._log_to = log_to
        self._parts: Parts | None = None
        self._health: Health | None = None
        self._http: IListeningPort | None = None

    def setServiceParent(self, parent: IServiceCollection) -> None:
        """Twisted's hook for joining the application, which takes its log observer from us."""
        if isinstance(parent, Componentized) and self._log_to is not None:
            observe = observer(self._config.log, self._log_to)
            parent.setComponent(ILogObserver, observe)  # type: ignore[no-untyped-call]
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]

    def startService(self) -> None:
        """Open the store, build everything, listen; what cannot be opened ends the process with one line."""
        from twisted.internet import reactor  # noqa: PLC0415 - importing it installs it

        try:
            self._start(reactor)
        except ConfigError as error:
            refuse(error)
        super().startService()  # type: ignore[no-untyped-call]

    def _start(self, reactor: Any) -> None:
        config = self._config
        # Nothing that is loaded is garbage, and looking for some would take half of the time.
        gc.disable()
        store = open_store(config.gateway.state, reactor=reactor)
        parts = self._parts = assemble(config, store, reactor, SystemRandom())
        self._health = Health(reactor, parts.legs, parts.counts)
        for index, listener in enumerate(config.sip.listen):
            try:
                place = parts.transports.listen(listener.transport, listener.interface, listener.port)
            except (OSError, CannotListenError) as error:
                raise ConfigError([f"sip.listen[{index}]: {listener}: {error}"]) from None
            self.log.info(
                "SIP: listening on {transport}:{place}", transport=listener.transport.value, place=place
            )
        if config.http is not None:
            place = config.http.listen
            try:
                made = site(
                    self._health,
                    parts.portal.api if parts.portal is not None else None,
                    parts.xcap.resource,
                    parts.pages.resource if parts.pages is not None else None,
                    trusted_proxies=config.http.trusted_proxies,
                    clock=reactor,
                )
                self._http = reactor.listenTCP(place.port, made, interface=place.host)
            except CannotListenError as error:
                raise ConfigError([f"http.listen: {place}: {error.socketError}"]) from None
            self.log.info("HTTP: listening on {place}", place=place)
        parts.notifier.restore()
        if parts.xmpp is not None:
            parts.xmpp.links.service().setServiceParent(self)  # type: ignore[no-untyped-call]
        else:
            self.log.info("XMPP: off, because there is no [xmpp] table")
        # Modules, configuration and what was restored stay: they are never looked through.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECTION)
        gc.enable()
        self._health.phase = "serving"
        self.log.info("sip2xmpp {version} is serving", version=__version__)

    def stopService(self) -> Deferred[None]:
        """Say farewell, stop, commit."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        parts, self._parts = self._parts, None
        if self._health is not None:
            self._health.phase = "stopping"
        if self._http is not None:
            await maybeDeferred(self._http.stopListening)
        if parts is not None:
            parts.farewell()
        await maybeDeferred(super().stopService)
        if parts is not None:
            await parts.close()
        self.log.info("sip2xmpp has stopped")
