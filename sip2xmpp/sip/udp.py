"""One UDP socket that the reactor watches.

The socket is drained in a loop each time it is readable, and written to directly: Twisted's own datagram port costs
more than the system call it makes.  What is sent while the socket is drained goes out a few datagrams at a time: waking a peer
that sleeps costs more than all else about a datagram, and one that is awake takes the next for nothing.  When the kernel's send buffer is full, datagrams wait in a bounded queue; beyond
it they are dropped, as a router would, and the retransmission timers repair it.

When a turn's worth of datagrams was taken and there is more, the kernel's own record says how long the next one has
waited and whether others found no room; ``Overload`` decides what follows.  Nothing is measured while the queue is short.

Keep-alive datagrams end here: blank ones are swallowed, STUN binding requests are answered.  Flows are made once per
peer and remembered, because making one costs more than looking one up.

ICMP errors about what was sent come from the socket's error queue, with the beginning of the datagram they are about.

Implements: RFC 3261 sections 18 and 18.4 (ICMP errors); RFC 5626 section 8 (STUN keep-alive); RFC 3581 section 4 (answered from where it came).
"""

import contextlib
import os
import socket
import struct
import time
from collections import deque
from typing import Any, Final

from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor, IWriteDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sip2xmpp.errors import TransportFailed
from sip2xmpp.sip import stun
from sip2xmpp.sip.counters import Counters
from sip2xmpp.sip.flow import Flow, HostPort, Transport
from sip2xmpp.sip.layer import TransportUser
from sip2xmpp.sip.overload import Overload

__all__ = ["UdpPort", "bound_socket", "local_address_toward"]

LARGEST: Final = 65_536
"""A datagram is never longer, so one that fills it is whole (RFC 3261, section 18.1.1 wants 65,535)."""
DRAIN: Final = 256
"""Datagrams taken at most before others get their turn; epoll comes back for the rest at once."""
LOOK: Final = 64
"""Datagrams after which it is looked at the time."""
SPELL: Final = 0.002
"""Seconds after which others get their turn: answers are read by the hundred, and new requests are not."""
BUFFER: Final = 8 * 1024 * 1024
"""Octets the kernel may hold for us in each direction, as far as it allows."""
TOGETHER: Final = 16
"""Datagrams that are sent together while others are read; the first of them waits for less than a millisecond."""
QUEUE: Final = 20_000
"""Datagrams that may wait for a full send buffer."""
REMEMBERED: Final = 65_536
"""Peers whose flow is kept ready."""
LOSSES: Final = DRAIN // 4
"""Datagrams that found no room, in the time of one turn, that make an overload; fewer come from a burst of answers."""
ROOM: Final = 64
"""Octets for what the kernel says about a datagram."""
FIRST_LETTER: Final = 0x21
"""A SIP message starts with a printable character; STUN and the pings of NAT keepers do not."""
SO_RCVBUFFORCE: Final = 33
SO_SNDBUFFORCE: Final = 32

SO_TIMESTAMPNS: Final = 35
STAMP: Final = struct.Struct("@ll")
"""When the kernel got a datagram: seconds of Unix time, nanoseconds (socket(7), struct timespec)."""
SO_MEMINFO: Final = 55
MEMINFO: Final = struct.Struct("=9I")
"""What a socket's memory is used for; the last number counts what was dropped (linux/sock_diag.h)."""

IP_RECVERR: Final = 11
IPV6_RECVERR: Final = 25
MSG_ERRQUEUE: Final = 0x2000
QUOTE: Final = 1024
"""Octets of a datagram that are wanted back with its error: enough for its Via."""
ERROR_FORM: Final = struct.Struct("=I")
"""What an extended error begins with: its errno (ip(7), struct sock_extended_err)."""


def local_address_toward(peer: str) -> str:
    """The address of ours that the system would send from to ``peer``; raises OSError when there is no route."""
    family = socket.AF_INET6 if ":" in peer else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((peer, 9))
        host: str = probe.getsockname()[0]
        return host


@implementer(IReadDescriptor, IWriteDescriptor)
class UdpPort:
    """A bound UDP socket; ``user`` gets every datagram that is not a keep-alive."""

    log = Logger()

    def __init__(
        self,
        reactor: IReactorFDSet,
        bound: socket.socket,
        user: TransportUser,
        counters: Counters,
        overload: Overload,
    ) -> None:
        self._reactor = reactor
        self._user = user
        self._received = user.received
        self._counters = counters
        self._overload = overload
        self._has_more = False
        self._is_reading = False
        self._held: list[tuple[bytes, HostPort]] = []
        self._known_drops = 0
        self._flows: dict[Any, Flow] = {}
        self._waiting: deque[tuple[bytes, HostPort]] = deque()
        self._socket = bound
        self.local = HostPort(*self._socket.getsockname()[:2])
        self.is_ipv6 = ":" in self.local.host
        self.is_wildcard = self.local.host in {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
        reactor.addReader(self)

    def send(self, octets: bytes, peer: HostPort) -> None:
        """Send soon, or as soon as the kernel has room.

        Raises TransportFailed when the system says it cannot; during ``doRead`` the user is told that it is unreachable.
        """
        if self._is_reading:
            self._held.append((octets, peer))
            if len(self._held) >= TOGETHER:
                self._let_go()
        else:
            self._send(octets, peer)

    def _send(self, octets: bytes, peer: HostPort) -> None:
        if not self._waiting:
            try:
                self._socket.sendto(octets, peer)
                return
            except BlockingIOError:
                self._reactor.addWriter(self)
            except OSError:
                # it may be about an earlier datagram to somebody else: the second attempt tells
                self._drain_errors()
                try:
                    self._socket.sendto(octets, peer)
                    return
                except OSError as error:
                    raise TransportFailed(f"cannot send to udp:{peer}: {error.strerror or error}") from error
        if len(self._waiting) < QUEUE:
            self._waiting.append((octets, peer))
        else:
            self._counters.dropped += 1

    def flow_to(self, peer: HostPort) -> Flow:
        """The flow to a peer; raises TransportFailed when the system has no route to it."""
        local = self.local
        if self.is_wildcard:
            try:
                local = HostPort(local_address_toward(peer.host), local.port)
            except OSError as error:
                raise TransportFailed(f"no route to {peer.host}: {error.strerror or error}") from error
        return Flow(transport=Transport.UDP, local=local, peer=peer)

    def drops(self) -> int | None:
        """Datagrams that found no room in the receive buffer since the socket is bound; None where the system does not tell."""
        try:
            told = self._socket.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, MEMINFO.size)
            return int(MEMINFO.unpack(told)[-1])
        except (OSError, struct.error):
            return None

    def stop_reading(self) -> None:
        """Leave what comes to the kernel."""
        self._reactor.removeReader(self)

    def close(self) -> None:
        """Stop reading and free the port."""
        self._reactor.removeReader(self)
        self._reactor.removeWriter(self)
        self._waiting.clear()
        self._held.clear()
        self._socket.close()

    # what the reactor asks for

    def fileno(self) -> int:
        return self._socket.fileno()

    def logPrefix(self) -> str:
        return "sip-udp"

    def doRead(self) -> None:
        self._is_reading = True
        try:
            self._drain()
        finally:
            self._is_reading = False
            self._let_go()

    def _let_go(self) -> None:
        """Send what was held."""
        held, self._held = self._held, []
        for octets, peer in held:
            try:
                self._send(octets, peer)
            except TransportFailed as error:
                self._counters.dropped += 1
                self._user.unreachable(octets, str(error))

    def _drain(self) -> None:
        plain = self._socket.recvfrom
        receive = self._receive_and_time if self._has_more else plain
        flows = self._flows
        began = time.monotonic()
        for _ in range(DRAIN // LOOK):
            for _ in range(LOOK):
                try:
                    octets, address = receive(LARGEST)
                    receive = plain
                except BlockingIOError:
                    self._is_empty()
                    return
                except OSError:
                    # an ICMP error about something sent earlier; what was received is still behind it
                    self._drain_errors()
                    continue
                try:
                    flow = flows.get(address)
                    if flow is None:
                        flow = self._remember(address)
                    if not octets or octets[0] < FIRST_LETTER:
                        self._blank(octets, flow)
                    else:
                        self._received(octets, flow)
                except Exception:  # noqa: BLE001 - one datagram must never stop the reader
                    self.log.failure("a datagram from {peer} failed", peer=address)
            if time.monotonic() - began > SPELL:
                break
        self._has_more = True

    def doWrite(self) -> None:
        waiting = self._waiting
        for _ in range(min(DRAIN, len(waiting))):
            octets, peer = waiting[0]
            try:
                self._socket.sendto(octets, peer)
            except BlockingIOError:
                return
            except OSError:
                self._counters.dropped += 1
            waiting.popleft()
        if not waiting:
            self._reactor.removeWriter(self)

    def connectionLost(self, reason: Failure) -> None:  # noqa: ARG002 - the reactor gives it
        """Keep reading: epoll reports a waiting ICMP error as a hang-up, and a UDP socket has none."""
        if self._socket.fileno() >= 0:
            self._drain_errors()
        # whoever was told of an error may have closed us
        if self._socket.fileno() >= 0:
            self._reactor.addReader(self)
            if self._waiting:
                self._reactor.addWriter(self)

    def _is_empty(self) -> None:
        """Nothing waits any more."""
        if self._has_more:
            self._has_more = False
            self._overload.waited(0.0)

    def _receive_and_time(self, size: int) -> tuple[bytes, Any]:
        """Receive as the first of a turn, and tell for how long it has waited."""
        octets, ancillary, _, address = self._socket.recvmsg(size, ROOM)
        for _, kind, data in ancillary:
            if kind == SO_TIMESTAMPNS:
                seconds, nanoseconds = STAMP.unpack_from(data)
                self._overload.waited(time.time() - seconds - nanoseconds * 1e-9)
        drops = self.drops() or 0
        if drops - self._known_drops >= LOSSES:
            self._overload.lost()
        self._known_drops = drops
        return octets, address

    def _drain_errors(self) -> None:
        """Pass on which datagrams found nobody."""
        for _ in range(DRAIN):
            try:
                octets, ancillary, _, _ = self._socket.recvmsg(QUOTE, 512, MSG_ERRQUEUE)
            except OSError:
                return
            for _, kind, data in ancillary:
                if kind in {IP_RECVERR, IPV6_RECVERR} and len(data) >= ERROR_FORM.size:
                    self._user.unreachable(octets, os.strerror(*ERROR_FORM.unpack_from(data)))

    def _blank(self, octets: bytes, flow: Flow) -> None:
        """Not a start line: a keep-alive, or a message behind line ends (RFC 3261, section 7.5)."""
        answer = stun.answer(octets, flow.peer)
        if answer is not None:
            self.send(answer, flow.peer)
        message = b"" if answer is not None else octets.lstrip(b"\r\n\0 \t")
        if message:
            self._received(message, flow)
        else:
            self._counters.keepalives += 1

    def _remember(self, address: tuple[Any, ...]) -> Flow:
        flow = self.flow_to(HostPort(address[0], address[1]))
        if len(self._flows) >= REMEMBERED:
            self._flows.clear()
        self._flows[address] = flow
        return flow


def bound_socket(interface: str, port: int, inherited: socket.socket | None = None) -> socket.socket:
    """A socket for a ``UdpPort``, with buffers as large as they may be; raises OSError.

    ``inherited`` is one that is bound there already and may have datagrams waiting.
    """
    family = socket.AF_INET6 if ":" in interface else socket.AF_INET
    bound = inherited or socket.socket(family, socket.SOCK_DGRAM)
    try:
        bound.setblocking(False)
        if family == socket.AF_INET6 and inherited is None:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        for option, forced in ((socket.SO_RCVBUF, SO_RCVBUFFORCE), (socket.SO_SNDBUF, SO_SNDBUFFORCE)):
            try:
                bound.setsockopt(socket.SOL_SOCKET, forced, BUFFER)
            except OSError:
                # only the superuser may pass the system's limit; up to the limit everybody may
                bound.setsockopt(socket.SOL_SOCKET, option, BUFFER)
        room = bound.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        if room < BUFFER:
            UdpPort.log.info(
                "the receive buffer has {room} octets instead of {wanted}: raise net.core.rmem_max",
                room=room,
                wanted=BUFFER,
            )
        with contextlib.suppress(OSError):
            # without it, only the lateness of the reactor tells of an overload
            bound.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        with contextlib.suppress(OSError):
            # without it, a dead peer is found out by its silence
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
            else:
                bound.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        if inherited is None:
            bound.bind((interface, port))
    except OSError:
        bound.close()
        raise
    return bound
