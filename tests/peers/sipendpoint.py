"""A SIP element for tests on UDP, TCP and TLS: sockets, retransmission, transactions, and a record of everything.

A thread of its own receives and answers; the test's thread sends requests and waits, always with a deadline.  Requests
are answered by ``answer``, which a subclass or a test replaces; retransmissions get the same answer again and are kept
apart.  ``lose`` makes the network bad.
"""

import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Self

from tests.peers.ports import LOOPBACK, free_port
from tests.peers.sipmessage import Headers, SipMessage, build, cut, parse, token, uri_in

Address = tuple[str, int]
Answer = tuple[int, str, Headers, bytes]

RETRANSMISSIONS = (0.5, 1.0, 2.0, 4.0, 4.0, 4.0)


PATIENCE = 5.0
"""Seconds that sending may take."""


class SipEndpoint:
    """One address that speaks SIP; use it as a context manager."""

    def __init__(self, *, transport: str = "udp", tls: ssl.SSLContext | None = None) -> None:
        self.transport = transport
        self.tls = tls
        self.host = LOOPBACK
        self.port = free_port()
        self.received: list[SipMessage] = []
        self.retransmissions: list[SipMessage] = []
        self.lost: list[SipMessage] = []
        self.sent: list[SipMessage] = []
        self.lose: Callable[[SipMessage], bool] = lambda _: False
        self.trouble: list[Exception] = []
        self._answered: dict[tuple[str, str, str], bytes] = {}
        self._arrived = threading.Condition()
        self._tls_in_use = threading.Lock()
        self._streams: dict[Address, socket.socket] = {}
        self._buffers: dict[socket.socket, bytes] = {}
        self._selector = selectors.DefaultSelector()
        self._waker, self._woken = socket.socketpair()
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._thread = threading.Thread(target=self._run, name=f"sip {self.port}", daemon=True)

    # life

    def open(self) -> Self:
        self._udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
        self._udp.bind((self.host, self.port))
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((self.host, self.port))
        self._listener.listen()
        for each in (self._udp, self._listener, self._woken):
            self._selector.register(each, selectors.EVENT_READ)
        self._thread.start()
        return self

    def close(self) -> None:
        """Vanish; nothing is said to anybody."""
        self._waker.send(b".")
        self._thread.join()
        for each in (self._udp, self._listener, self._waker, self._woken, *self._streams.values()):
            each.close()
        self._selector.close()
        if self.trouble:
            raise self.trouble[0]

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def address(self) -> Address:
        return self.host, self.port

    # sending

    def send(self, octets: bytes, where: Address, *, transport: str = "") -> None:
        """Send octets as they are, on the stream to that address if the transport is one."""
        if octets.strip():
            self.sent.append(parse(octets, where))
        if (transport or self.transport) == "udp":
            self._udp.sendto(octets, where)
        else:
            self._send_all(self.stream(where), octets)

    def stream(self, where: Address) -> socket.socket:
        """The connection to an address, opened if there is none."""
        if where not in self._streams:
            connection = socket.create_connection(where, 5)
            if self.transport == "tls":
                context = self.tls or ssl.create_default_context()
                connection = context.wrap_socket(connection, server_hostname=where[0])
            self._adopt(connection, where)
        return self._streams[where]

    def drop_streams(self) -> None:
        """Close every connection, as a network address translator that forgot them would."""
        for where in list(self._streams):
            self._forget(self._streams[where])

    def hide(self) -> None:
        """From now on nobody can connect to us, and the connections there were are gone."""
        self._selector.unregister(self._listener)
        self._listener.close()
        self.drop_streams()

    def via(self) -> str:
        return f"SIP/2.0/{self.transport.upper()} {self.host}:{self.port};branch={token('z9hG4bK')};rport"

    def transact(self, octets: bytes, where: Address, *, within: float = 10.0) -> SipMessage:
        """Send a request, again and again on UDP, and return its final response."""
        request = parse(octets)

        def is_final(message: SipMessage) -> bool:
            return (
                message.status >= 200
                and message.branch == request.branch
                and message.cseq_method == request.cseq_method
            )

        start = len(self.received)
        deadline = time.monotonic() + within
        found: SipMessage | None = None
        for interval in (*RETRANSMISSIONS, within) if self.transport == "udp" else (within,):
            self.send(octets, where)
            left = deadline - time.monotonic()
            if (found := self._look(is_final, min(interval, left), start)) or left <= interval:
                break
        assert found, f"no final response to {request.start} within {within} seconds\n{self.transcript()}"
        return found

    def next_hop(self, uri: str, otherwise: Address) -> Address:
        """Where a request for a URI goes: to its address if it has one, else to the outbound server."""
        host, _, port = uri_in(uri).partition(":")[2].rpartition("@")[2].partition(";")[0].partition(":")
        try:
            ip_address(host)
        except ValueError:
            return otherwise
        return host, int(port or 5060)

    # receiving

    def answer(self, request: SipMessage) -> Answer | None:
        """What a request is answered with; None: nothing."""
        return 200, "OK", (), b""

    def after(self, request: SipMessage) -> None:
        """Called when the answer is on its way."""

    def wait_for(
        self, wanted: Callable[[SipMessage], bool], what: str, *, within: float = 10.0, after: int = 0
    ) -> SipMessage:
        """The first message received, from index ``after`` on, that is wanted."""
        found = self._look(wanted, within, after)
        assert found, f"not within {within} seconds: {what}\n{self.transcript()}"
        return found

    def requests(self, method: str) -> list[SipMessage]:
        """The requests of a method received so far, without retransmissions."""
        return [message for message in self.received if message.method == method]

    def wait_for_request(self, method: str, *, within: float = 10.0, after: int = 0) -> SipMessage:
        return self.wait_for(lambda message: message.method == method, method, within=within, after=after)

    def transcript(self, count: int = 20) -> str:
        """The last messages in short, for a failed assertion."""
        shown = [
            f"{way} {each.start} | {each.get('cseq')} {each.get('subscription-state')}".rstrip()
            for way, messages in (("<-", self.received), ("->", self.sent))
            for each in messages[-count:]
        ]
        return "\n".join(shown)

    def _look(self, wanted: Callable[[SipMessage], bool], within: float, after: int) -> SipMessage | None:
        deadline = time.monotonic() + within
        seen = after
        with self._arrived:
            while True:
                while seen < len(self.received):
                    seen += 1
                    if wanted(self.received[seen - 1]):
                        return self.received[seen - 1]
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._arrived.wait(left)

    # the receiving thread

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                ready = key.fileobj
                assert isinstance(ready, socket.socket)
                if ready is self._woken:
                    return
                if ready is self._udp:
                    self._read_datagram()
                elif ready is self._listener:
                    self._accept()
                else:
                    self._read_stream(ready)

    def _read_datagram(self) -> None:
        try:
            octets, source = self._udp.recvfrom(65_535)
        except ConnectionError:
            return  # an ICMP error of something sent earlier
        if octets.strip(b"\r\n\0"):
            self._take(octets, source, "udp", None)

    def _accept(self) -> None:
        connection, source = self._listener.accept()
        if self.transport == "tls":
            assert self.tls is not None
            connection = self.tls.wrap_socket(connection, server_side=True)
        self._adopt(connection, source)

    def _adopt(self, connection: socket.socket, where: Address) -> None:
        self._streams[where] = connection
        self._buffers[connection] = b""
        self._selector.register(connection, selectors.EVENT_READ)

    def _forget(self, connection: socket.socket) -> None:
        self._streams = {where: each for where, each in self._streams.items() if each is not connection}
        del self._buffers[connection]
        self._selector.unregister(connection)
        connection.close()

    def _read_stream(self, connection: socket.socket) -> None:
        if connection not in self._buffers:
            return  # closed by the test since it became readable
        try:
            octets = self._received(connection)
        except ssl.SSLWantReadError:
            return  # a record of TLS itself, such as a session ticket
        except OSError:
            octets = b""
        if not octets:
            self._forget(connection)
            return
        source = next(where for where, each in self._streams.items() if each is connection)
        self._buffers[connection] += octets
        while connection in self._buffers:
            message, self._buffers[connection] = cut(self._buffers[connection])
            if not message:
                return
            self._take(message, source, self.transport, connection)

    def _received(self, connection: socket.socket) -> bytes:
        """What there is; never waits."""
        if not isinstance(connection, ssl.SSLSocket):
            return connection.recv(65_536)
        with self._tls_in_use:
            connection.settimeout(0)
            octets = connection.recv(65_536)
            while connection.pending():
                octets += connection.recv(65_536)
            return octets

    def _send_all(self, connection: socket.socket, octets: bytes) -> None:
        if not isinstance(connection, ssl.SSLSocket):
            connection.sendall(octets)
            return
        # a connection of OpenSSL is not for two threads at once, and the receiving one may just read a session ticket
        with self._tls_in_use:
            connection.settimeout(PATIENCE)
            connection.sendall(octets)

    def _take(self, octets: bytes, source: Address, transport: str, connection: socket.socket | None) -> None:
        message = parse(octets, source)
        if self.lose(message):
            self.lost.append(message)
            return
        transaction = (message.branch, message.method, message.get("cseq"))
        if message.method and transaction in self._answered:
            self.retransmissions.append(message)
            self._reply(self._answered[transaction], source, transport, connection)
            return
        response = self._response(message) if message.method and message.method != "ACK" else b""
        self._answered[transaction] = response
        with self._arrived:
            # whoever has the answer finds the request recorded; whoever waits for the request finds it answered
            self.received.append(message)
            self._reply(response, source, transport, connection)
            self._arrived.notify_all()
        if message.method:
            try:
                self.after(message)
            except Exception as error:  # noqa: BLE001 - the thread goes on, the test fails when it closes the endpoint
                self.trouble.append(error)

    def _response(self, request: SipMessage) -> bytes:
        try:
            answer = self.answer(request)
        except Exception as error:  # noqa: BLE001 - likewise
            self.trouble.append(error)
            return b""
        if answer is None:
            return b""
        status, reason, extra, body = answer
        headers = [("Via", value) for value in request.all("via")]
        headers += [("Record-Route", value) for value in request.all("record-route")]
        to = request.get("to")
        if not request.to_tag:
            to += f";tag={self.tag_for(request)}"
        headers += [("From", request.get("from")), ("To", to), ("Call-ID", request.call_id)]
        headers += [("CSeq", request.get("cseq")), *extra]
        return build(f"SIP/2.0 {status} {reason}", headers, body)

    def tag_for(self, request: SipMessage) -> str:
        """Our tag in the answer to a request that had none for us."""
        return token()

    def _reply(
        self, octets: bytes, source: Address, transport: str, connection: socket.socket | None
    ) -> None:
        if not octets:
            return
        self.sent.append(parse(octets, source))
        if connection is None:
            self._udp.sendto(octets, source)
        else:
            self._send_all(connection, octets)
