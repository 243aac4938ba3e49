"""The composition root: what twistd starts, and the only module that knows the reactor.

``makeService`` reads the configuration and ends the process with one line per fault if it has any.  ``Gateway`` opens and builds
the rest when it starts, because twistd may have forked in between.  Restored subscriptions are taken up before the first packet
is read.  Stopping goes the other way round: nothing more is taken, who waits for an answer gets it, Jabber users are told that
contacts are gone, links are closed in order, and the store commits last.  Each of these steps has a bound.

SIGHUP has the configuration read again while everything goes on (``reloading``).  SIGUSR2 starts the gateway anew in the same process
(``inheriting``): there is no farewell then, because contacts are back within seconds, and the kernel keeps what arrives meanwhile.
SIGTERM cannot tell whether somebody will start the gateway again, so it always says farewell.  The service manager hears of all this
(``notify``).
"""

import gc
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from socket import SOCK_DGRAM, SOCK_STREAM, socket
from typing import Any, NoReturn, TextIO

from twisted.application.service import IServiceCollection, MultiService
from twisted.internet.defer import Deferred, TimeoutError, maybeDeferred  # noqa: A004 - what a Deferred raises
from twisted.internet.error import CannotListenError
from twisted.logger import ILogObserver, Logger, LogLevel
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python import usage
from twisted.python.components import Componentized

from sip2xmpp import __version__
from sip2xmpp.assembly import Parts, assemble
from sip2xmpp.config import DEFAULT_PATH, Config, load
from sip2xmpp.errors import ConfigError, StorageFailed
from sip2xmpp.inheriting import hand_over, hear_signals, inherited
from sip2xmpp.logs import Log, log_file
from sip2xmpp.notify import Supervisor, Watchdog
from sip2xmpp.portal.bounds import BoundedSite
from sip2xmpp.portal.controls import Reloaded
from sip2xmpp.portal.health import Health
from sip2xmpp.portal.site import site
from sip2xmpp.reloading import Reloading
from sip2xmpp.sip.flow import Transport
from sip2xmpp.sip.streams import listening_socket
from sip2xmpp.sip.tls import Tls
from sip2xmpp.store.opening import open_store
from sip2xmpp.taking import Running, http_tls

ANSWERS = 1.0
"""Seconds that answers over HTTP may take which are under way when we stop."""

COMMIT = 5.0
"""Seconds that a commit may take when we stop."""

INHERITED = ", which was passed to this process"

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
    return Gateway(config, started(options))


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """How twistd was told to start us.  ``log_to`` None: it has a log observer of its own."""

    config: str
    log_to: TextIO | None
    in_foreground: bool
    pid_file: str


def started(options: Mapping[str, Any]) -> Started:
    """What our own options and those of twistd say."""
    twistd: Mapping[str, Any] | None = getattr(options, "parent", None)
    return Started(
        # whoever stays in the background is elsewhere when the file is read again
        config=str(Path(options["config"]).absolute()),
        log_to=log_stream(twistd),
        in_foreground=bool(twistd is None or twistd.get("nodaemon")),
        pid_file=str(Path(twistd["pidfile"]).absolute())
        if twistd is not None and twistd.get("pidfile")
        else "",
    )


def log_stream(twistd: Mapping[str, Any] | None) -> TextIO | None:
    """Where twistd's own options want the log: standard output, or a file; None if twistd has an observer of its own."""
    if twistd is None:
        return sys.stdout
    if twistd.get("logger") or twistd.get("syslog"):
        return None
    name = twistd.get("logfile")
    if name == "-" or (not name and twistd.get("nodaemon")):
        return sys.stdout
    return log_file(name or "twistd.log")


def refuse(error: ConfigError) -> NoReturn:
    """Say every fault on a line of its own, and end."""
    for fault in error.faults:
        print(f"sip2xmpp: {fault}", file=sys.__stderr__)
    raise SystemExit(1)


class Gateway(MultiService):
    """The whole program as a service; ``started`` is how twistd was told to start it."""

    log = Logger()

    def __init__(self, config: Config, started: "Started") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._config = config
        self._started = started
        self._log_to = None if started.log_to is None else Log(config.log, started.log_to)
        self._supervisor = Supervisor()
        self._watchdog: Watchdog | None = None
        self._reactor: Any = None
        self._parts: Parts | None = None
        self._health: Health | None = None
        self._http: Any = None
        self._site: BoundedSite | None = None
        self._reloading: Reloading | None = None
        self._hands_over = False
        self._left: list[int] = []

    def setServiceParent(self, parent: IServiceCollection) -> None:
        """Twisted's hook for joining the application, which takes its log observer from us."""
        if isinstance(parent, Componentized) and self._log_to is not None:
            parent.setComponent(ILogObserver, self._log_to)  # type: ignore[no-untyped-call]
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]

    def startService(self) -> None:
        """Open the store, build everything, listen; what cannot be opened ends the process with one line."""
        from twisted.internet import reactor  # noqa: PLC0415 - importing it installs it

        self._reactor = reactor
        self._hear(signal.SIGHUP, self._reload_by_signal)
        self._hear(signal.SIGUSR2, self._restart_by_signal)
        hear_signals()
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
        tls = http_tls(config)
        sip, http = self._inherited()
        self._listen(parts, sip)
        if config.http is not None:
            self._listen_http(parts, tls, http)
        parts.notifier.restore()
        if parts.xmpp is not None:
            parts.xmpp.links.service().setServiceParent(self)  # type: ignore[no-untyped-call]
        else:
            self.log.info("XMPP: off, because there is no [xmpp] table")
        self._reloading = Reloading(
            Running(parts=parts, http_tls=tls, site=self._site, log=self._log_to), config
        )
        if parts.portal is not None:
            parts.portal.controls.reload = self.reload
            parts.portal.controls.restart = self.restart
        # Modules, configuration and what was restored stay: they are never looked through.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECTION)
        gc.enable()
        parts.watching.start()
        self._health.phase = "serving"
        # what is ready answers, and can be told to stop: the reactor has to turn for both
        reactor.callWhenRunning(self._ready)

    def _inherited(self) -> tuple[list[socket | None], socket | None]:
        """What this process was started with for each listener.

        What no listener is for is closed before any is opened: its address may be a part of that of one of them.
        """
        config, sockets = self._config, inherited()
        sip = [
            sockets.take(
                SOCK_DGRAM if each.transport is Transport.UDP else SOCK_STREAM, each.interface, each.port
            )
            for each in config.sip.listen
        ]
        http = None if config.http is None else sockets.take(SOCK_STREAM, *config.http.listen)
        for place in sockets.close():
            self.log.emit(
                LogLevel.warn,
                "{place} was passed to this process, and no listener is configured there",
                place=place,
            )
        return sip, http

    def _listen(self, parts: Parts, sockets: Sequence[socket | None]) -> None:
        for index, (listener, found) in enumerate(zip(self._config.sip.listen, sockets, strict=True)):
            try:
                place = parts.transports.listen(listener.transport, listener.interface, listener.port, found)
            except (OSError, CannotListenError) as error:
                raise ConfigError([f"sip.listen[{index}]: {listener}: {error}"]) from None
            self.log.info(
                "SIP: listening on {transport}:{place}{how}",
                transport=listener.transport.value,
                place=place,
                how="" if found is None else INHERITED,
            )

    def _listen_http(self, parts: Parts, tls: Tls, found: socket | None) -> None:
        http = self._config.http
        assert http is not None
        assert self._health is not None
        place = http.listen
        self._site = site(
            self._health,
            parts.portal.api if parts.portal is not None else None,
            parts.xcap.resource,
            parts.pages.resource if parts.pages is not None else None,
            trusted_proxies=http.trusted_proxies,
            clock=self._reactor,
            metrics=parts.watching.page,
            traffic=parts.watching.traffic,
        )
        factory: Any = self._site
        if tls.has_certificate:
            factory = TLSMemoryBIOFactory(tls.server(), False, factory, clock=self._reactor)
            factory.noisy = False
        try:
            bound = found or listening_socket(place.host, place.port)
        except OSError as error:
            raise ConfigError([f"http.listen: {place}: {error}"]) from None
        with bound:
            self._http = self._reactor.adoptStreamPort(bound.fileno(), bound.family, factory)
        self.log.info(
            "{scheme}: listening on {place}{how}",
            scheme="HTTPS" if tls.has_certificate else "HTTP",
            place=place,
            how="" if found is None else INHERITED,
        )

    def _ready(self) -> None:
        parts = self._parts
        if parts is None:
            return
        self.log.info("sip2xmpp {version} is serving", version=__version__)
        self._supervisor.ready(self._status())
        if self._supervisor.watchdog:
            self._watchdog = Watchdog(
                self._reactor,
                self._supervisor.watchdog,
                after_commit=parts.store.after_commit,
                alive=self._supervisor.alive,
                status=self._status,
            )
            self._watchdog.start()

    def _status(self) -> str:
        """How it is, in one line for whoever asks the service manager."""
        parts = self._parts
        if parts is None:
            return "stopping"
        counts = parts.counts()
        return (
            f"serving: {counts['registrations']} registrations, {counts['subscriptions']} subscriptions, "
            f"XMPP {parts.legs()['xmpp']['state']}"
        )

    # another configuration, another process

    async def reload(self) -> Reloaded:
        """Read the configuration again; raises ``ConfigError`` with every fault, and has changed nothing then."""
        assert self._reloading is not None
        self._supervisor.reloading()
        try:
            made = self._reloading.take(load(self._started.config))
        except ConfigError as error:
            for fault in error.faults:
                self.log.emit(LogLevel.error, "the configuration is not taken over: {fault}", fault=fault)
            raise
        finally:
            self._supervisor.ready(self._status())
        self.log.info("the configuration was read again: {made}", made=str(made))
        for key in made.waiting:
            self.log.emit(LogLevel.warn, "{key} needs a restart", key=key)
        return made

    def restart(self) -> str:
        """Begin to start anew without farewell; or say why that is not possible."""
        if not self._started.in_foreground:
            return "only a gateway in the foreground can start itself anew (twistd --nodaemon)"
        try:
            load(self._started.config)
        except ConfigError as error:
            # the next program would end with them, and nothing would serve
            return f"the configuration has faults: {'; '.join(error.faults)}"
        if not self._hands_over and self._parts is not None:
            self._hands_over = True
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._end_after_all)
            self._reactor.addSystemEventTrigger("after", "shutdown", self._become_the_next)
            self._reactor.callLater(0, self._reactor.stop)
        return ""

    def _hear(self, number: signal.Signals, then: Callable[[], None]) -> None:
        waiting = False

        def said(*_: object) -> None:
            nonlocal waiting
            if not waiting:  # else what is to come answers this as well
                waiting = True
                self._reactor.callFromThread(act)

        def act() -> None:
            nonlocal waiting
            waiting = False
            then()

        signal.signal(number, said)

    def _reload_by_signal(self) -> None:
        if self._log_to is not None:
            self._log_to.reopen()
        if self._parts is not None:
            Deferred.fromCoroutine(self._reload_and_record(self._parts)).addErrback(
                lambda failure: self.log.failure("reading the configuration again failed", failure)
            )

    async def _reload_and_record(self, parts: Parts) -> None:
        try:
            made = await self.reload()
        except ConfigError:
            return  # every fault is in the log
        if parts.portal is not None:
            parts.portal.audit.record(who="SIGHUP", by="signal", what=f"read the configuration again: {made}")

    def _restart_by_signal(self) -> None:
        why_not = self.restart()
        if why_not:
            self.log.error("SIGUSR2: {why}", why=why_not)

    def _end_after_all(self, *_: object) -> None:
        """Who is told to end while it starts anew, which is to stop already, has no next."""
        self._hands_over = False

    def _become_the_next(self) -> None:
        if not self._hands_over:
            return
        if self._started.pid_file:
            Path(self._started.pid_file).unlink(missing_ok=True)
        # the next one is as old as that, and has to be loaded first
        self._supervisor.alive(self._status())
        try:
            hand_over(self._left)
        except OSError as error:
            self.log.critical("the gateway cannot be started anew: {error}", error=error)
            # nothing runs any more, and the reactor would take an exception for the end of its own choice
            os._exit(1)

    # the end

    def stopService(self) -> Deferred[None]:
        """Say farewell unless another process goes on, stop, commit."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        parts, self._parts = self._parts, None
        if self._health is not None:
            self._health.phase = "stopping"
        if self._watchdog is not None:
            self._watchdog.stop()
        if self._hands_over:
            self._supervisor.reloading()
            self._left = self._descriptors(parts)
        else:
            self._supervisor.stopping("storing everything")
        if parts is not None:
            # what comes from now on is for the next process, or was never received
            parts.transports.stop_reading()
        if self._http is not None:
            await maybeDeferred(self._http.stopListening)
        if self._site is not None:
            await self._site.quiet(ANSWERS)
        if parts is not None:
            await self._answered(parts)
            parts.farewell(told=not self._hands_over)
        await maybeDeferred(super().stopService)
        if parts is not None:
            await parts.close()
        self.log.info("sip2xmpp {how}", how="starts anew" if self._hands_over else "has stopped")

    async def _answered(self, parts: Parts) -> None:
        """Wait until those have their answer who wait for a commit, but not for a disk that does not answer."""
        waiting = parts.store.committed()
        waiting.addTimeout(COMMIT, self._reactor)
        try:
            await waiting
        except (StorageFailed, TimeoutError) as error:
            self.log.emit(LogLevel.error, "the last changes are not stored: {error}", error=error)

    def _descriptors(self, parts: Parts | None) -> list[int]:
        """Copies of what listens, which go on listening when ours are closed."""
        open_ = [] if parts is None else parts.transports.listening_descriptors()
        if self._http is not None:
            open_.append(self._http.fileno())
        return [os.dup(each) for each in open_]
