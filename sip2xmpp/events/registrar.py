"""The registrar: REGISTER requests of our users, and the end of bindings that nobody ends.

Many clients subscribe and publish only after they have registered.  Bindings are rows of the store; one REGISTER is
one change, worked out completely (``events.bindings``) before anything is written, and answered when it is durable.

A binding ends by REGISTER, by time, by an operator, or with the connection that it was made over: who was reached only
by that cannot be reached any more.  Whatever ends it, the row says why and is removed, and everybody else learns of it
from the store: there is no way to lose a binding that presence does not hear of.  No connection survives a restart of this
process, but phones come back within a while, so after one such bindings are shortened to ``grace`` seconds and not ended:
longer than the 120 seconds in which a phone must look after its connection, and 30 more in which it opens another.
linphonec, for one, notices at once, fails at once, and tries again after 60 seconds.

Implements: RFC 3261 section 10.3; RFC 3327 section 5.3 (Path); RFC 5626 sections 6 and 4.4 (flows end, Flow-Timer);
RFC 5627 section 5.1 (public GRUU).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import formatdate
from math import ceil

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from sip2xmpp.address import Address
from sip2xmpp.documents.reginfo import ContactEvent
from sip2xmpp.errors import BadAddress, IntervalTooBrief, TooMany
from sip2xmpp.events.bindings import (
    Changes,
    FirstHopLacksOutbound,
    OutOfOrder,
    RegistrationLimits,
    changes_of,
)
from sip2xmpp.events.lifetimes import too_brief
from sip2xmpp.presence.agent import PACKAGE
from sip2xmpp.sip.flow import UDP, Flow, Transport
from sip2xmpp.sip.message import Request
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.store.interface import Change, ChangeKind, Store
from sip2xmpp.store.records import Binding, Publication

__all__ = ["FlowRules", "Registrar", "RegistrationLimits"]

PATIENCE = 15.0
"""Seconds that a keep-alive may be late (RFC 5626, section 4.4: the server waits longer than it says)."""

DEFAULT_LIMITS = RegistrationLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRules:
    """What becomes of a binding whose connection ends.

    ``bound``: it ends with it.  ``grace``: seconds that it stays after a restart of this process.  ``timer``: seconds within
    which a client has to send a keep-alive on its connection, 0 if none is asked for.  ``gruu``: GRUUs are given out.
    """

    bound: bool = True
    grace: float = 150.0
    timer: int = 0
    gruu: bool = True


class Registrar:
    """Bindings of our users.  Requests arrive proved: ``sender`` is who the credentials belong to.

    ``exists(aor)`` says whether we serve an address; ``address_of_uri`` undoes encapsulation; ``limit_silence(flow,
    seconds)`` has a connection closed when nothing comes over it for so long.
    """

    log = Logger()

    def __init__(
        self,
        *,
        store: Store,
        clock: IReactorTime,
        exists: Callable[[Address], bool],
        address_of_uri: Callable[[str], Address],
        limits: RegistrationLimits = DEFAULT_LIMITS,
        flows: FlowRules | None = None,
        limit_silence: Callable[[Flow, float], None] = lambda *_: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._exists = exists
        self._address_of_uri = address_of_uri
        self.limits = limits
        self.flows = flows or FlowRules()
        self._limit_silence = limit_silence
        self._over: dict[int, dict[str, None]] = {}
        self._connections: dict[str, int] = {}
        store.bindings.listen(self._changed)
        store.publications.listen(self._published)

    def register_received(self, transaction: ServerTransaction, request: Request, sender: Address) -> None:
        """Answer a REGISTER of ``sender`` in the order of RFC 3261, section 10.3."""
        try:
            aor = self._address_of_uri(request.to.uri)
        except BadAddress as bad:
            transaction.reply(404, str(bad))
            return
        if aor != sender:
            transaction.reply(403, "Only the owner may register")
        elif not self._exists(aor):
            transaction.reply(404)
        else:
            self._register(transaction, request, aor)

    def restore(self) -> None:
        """Give the bindings of an earlier run whose connections are gone a while; to be called once, before requests are served."""
        end = self._clock.seconds() + self.flows.grace
        for binding in list(self._store.bindings.all()):
            if not ContactEvent(binding.event).keeps:
                self._store.bindings.remove(binding.key)
                continue
            if not (self.flows.bound and _depends_on_connection(binding)) or binding.expires_at <= end:
                continue
            if self.flows.grace > 0:
                self._store.bindings.put(replace(binding, expires_at=end, event=ContactEvent.SHORTENED.value))
            else:
                self.end(binding)

    def lost(self, flow: Flow) -> None:
        """A connection is gone, and with it whoever could be reached only over it."""
        for key in tuple(self._over.get(flow.connection or 0, ())):
            binding = self._store.bindings.get(key)
            if binding is not None and self.flows.bound:
                self.log.debug("{aor} has lost its connection from {peer}", aor=binding.aor, peer=flow.peer)
                self.end(binding)

    def silenced(self, publication: Publication) -> None:
        """A device has taken back what it had published: until it starts anew, its registration says nothing either.

        COMPAT: linphonec goes offline by this alone when it ends, and leaves its registration behind.
        """
        marks = set(publication.source.split())
        for binding in self._store.bindings.select(publication.group):
            if not binding.silent and not marks.isdisjoint(binding.source.split()):
                self._store.bindings.put(replace(binding, silent=True))

    def _published(self, change: Change[Publication]) -> None:
        """A device that publishes again has something to say again, and is registered when that is over."""
        publication = change.record
        if change.kind is not ChangeKind.PUT or change.previous is not None or publication.package != PACKAGE:
            return
        for binding in self._store.bindings.select(publication.group):
            if binding.silent and not set(publication.source.split()).isdisjoint(binding.source.split()):
                self._store.bindings.put(replace(binding, silent=False))

    def existence_changed(self, aor: Address) -> None:
        """Nobody is registered any more for an address that is not ours any more: it may be somebody else's later."""
        if not self._exists(aor):
            for binding in self._store.bindings.select(str(aor)):
                self.end(binding, ContactEvent.REJECTED)

    def end(self, binding: Binding, event: ContactEvent = ContactEvent.DEACTIVATED) -> None:
        """End a binding of which its client says nothing; the ``event`` tells it what to do about it."""
        self._store.bindings.put(replace(binding, event=event.value))

    def _changed(self, change: Change[Binding]) -> None:
        binding = change.record
        if change.kind is not ChangeKind.PUT:
            self._forget_connection(binding.key)
        elif not ContactEvent(binding.event).keeps:
            # by ourselves, or by the operator's command
            self._store.bindings.remove(binding.key)

    def _forget_connection(self, key: str) -> None:
        number = self._connections.pop(key, None)
        if number is not None:
            keys = self._over[number]
            del keys[key]
            if not keys:
                del self._over[number]

    def _register(self, transaction: ServerTransaction, request: Request, aor: Address) -> None:
        live = self._of_ours(aor)
        try:
            changes = changes_of(request, aor, live, self._clock.seconds(), self.limits)
        except IntervalTooBrief as brief:
            transaction.reply(423, headers=too_brief(brief))
        except TooMany as many:
            transaction.reply(403, str(many))
        except OutOfOrder as late:
            transaction.reply(500, str(late))
        except FirstHopLacksOutbound as lacks:
            transaction.reply(439, str(lacks))
        else:
            self._make(transaction, request, aor, changes)

    def _of_ours(self, aor: Address) -> list[Binding]:
        """The bindings that were made here, and not those that another registrar told us of."""
        return [binding for binding in self._store.bindings.select(str(aor)) if not binding.registrar]

    def _make(self, transaction: ServerTransaction, request: Request, aor: Address, changes: Changes) -> None:
        table = self._store.bindings
        kept = {binding.key for binding in changes.new}
        ties = {binding.key: self._connections.get(binding.key) for binding in changes.gone}
        for binding in changes.new:
            table.put(binding)
            if binding.direct and request.flow is not None:
                self._tie(binding.key, request.flow.connection)
        for binding in changes.gone:
            if binding.key not in kept:
                table.remove(binding.key)
        if not (changes.gone or changes.new):
            self._accept(transaction, request, aor, changes)
            return
        self._store.committed().addCallbacks(
            lambda _: self._accept(transaction, request, aor, changes),
            lambda failure: self._not_stored(transaction, changes, ties, failure),
        ).addErrback(lambda failure: self.log.failure("a REGISTER was not answered", failure))

    def _tie(self, key: str, connection: int | None) -> None:
        """Remember over which connection the device of a binding is reached; None: over none, or any."""
        self._forget_connection(key)
        if connection is not None:
            self._connections[key] = connection
            self._over.setdefault(connection, {})[key] = None

    def _accept(
        self, transaction: ServerTransaction, request: Request, aor: Address, changes: Changes
    ) -> None:
        now = self._clock.seconds()
        supported = {option.lower() for option in request.supported}
        with_gruu = self.flows.gruu and "gruu" in supported
        headers = [
            (
                "Contact",
                f"<{binding.contact}>{binding.params};expires={ceil(binding.expires_at - now)}"
                + (f';pub-gruu="{public_gruu(binding)}"' if with_gruu and binding.instance else ""),
            )
            for binding in self._of_ours(aor)
        ]
        if "path" in supported:
            headers += [("Path", hop) for hop in request.headers.all("Path")]
        if changes.outbound:
            headers.append(("Require", "outbound"))
            headers += self._flow_timer(request.flow, changes)
        headers.append(("Supported", "path, outbound, gruu"))
        headers.append(("Date", formatdate(now, usegmt=True)))
        transaction.reply(200, headers=headers)

    def _flow_timer(self, flow: Flow | None, changes: Changes) -> list[tuple[str, str]]:
        """Have the client say that it is alive, and believe that it is not if it does not."""
        timer = self.flows.timer
        if not timer or flow is None or flow.transport is UDP or not any(b.direct for b in changes.new):
            return []
        self._limit_silence(flow, timer + PATIENCE)
        return [("Flow-Timer", str(timer))]

    def _not_stored(
        self,
        transaction: ServerTransaction,
        changes: Changes,
        ties: Mapping[str, int | None],
        failure: Failure,
    ) -> None:
        self.log.failure("a registration could not be stored", failure)
        table = self._store.bindings
        undone = [binding for binding in changes.new if table.get(binding.key) == binding]
        for binding in undone:
            table.remove(binding.key)
        if len(undone) == len(changes.new):
            # else it was ended or replaced meanwhile, and so would these have been
            for binding in changes.gone:
                if table.get(binding.key) is None:
                    table.put(binding)
                    self._tie(binding.key, ties[binding.key])
        transaction.reply(500)


def public_gruu(binding: Binding) -> str:
    """The URI that reaches the device of ``binding``, as long as it is registered anywhere, and no other."""
    return binding.aor.sip_uri(gr=binding.instance.strip("<>"))


def _depends_on_connection(binding: Binding) -> bool:
    return binding.direct and binding.flow.partition(" ")[0] in (Transport.TCP.value, Transport.TLS.value)
