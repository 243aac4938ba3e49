"""What ``watch`` and ``publish`` share: who they are to the SIP server, and the user agent that speaks for them.

They are real SIP clients on the gateway's own stack, and speak to any server.  Where it is comes from ``--server``, else from
the configuration if the identity is one of ours, else from DNS for the identity's domain.  The password is asked for on a
terminal, read as one line from standard input otherwise, or from ``--password-file``.
"""

import argparse
import getpass
import ipaddress
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from sip2xmpp import __version__
from sip2xmpp.address import Address
from sip2xmpp.config import Config
from sip2xmpp.errors import BadInput, Refused, Sip2XmppError, TransactionTimeout, Unreachable
from sip2xmpp.preparation import ascii_domain
from sip2xmpp.settings import Authentication
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.authentication import DigestClient
from sip2xmpp.sip.flow import Flow, HostPort, Transport
from sip2xmpp.sip.message import Request, Response
from sip2xmpp.sip.name_servers import open_dns
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.sip.tls import Tls
from sip2xmpp.sip.transport import Transports
from sip2xmpp.sip.udp import local_address_toward
from sip2xmpp.sip.uri import SipUri

TIMEOUT: Final = 10.0
"""Seconds after which a server that has not answered is said not to."""

_ANYWHERE: Final = "0.0.0.0"  # noqa: S104 - a client that does not know yet which way its server is

_MEANINGS: Final[Mapping[int, str]] = {
    403: "the server forbids it",
    404: "the server knows nobody of that name",
    408: "the server does not reach it",
    412: "the server does not know that SIP-ETag, or not any more",
    415: "the server does not take such a document",
    423: "the server wants a longer lifetime",
    480: "nobody is there at the moment",
    489: "the server does not do presence",
    503: "the server has no time",
}


class Notifiable(Protocol):
    """Who takes the NOTIFYs of one dialog."""

    def notify_received(self, transaction: ServerTransaction, request: Request) -> None:
        """Answer it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, and over which server: its URI says also the transport, if that is not left to DNS."""

    address: Address
    password: str
    server: SipUri

    @property
    def transport(self) -> Transport | None:
        name = self.server.param("transport")
        return Transport(name) if name else None


def add_server_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what both verbs take."""
    parser.add_argument(
        "--server",
        metavar="HOST:PORT",
        help="the SIP server (default: this gateway for its own users, else the domain's by DNS)",
    )
    parser.add_argument(
        "--transport",
        choices=[each.value for each in Transport],
        help="how to reach it (default: as it listens, else udp)",
    )
    parser.add_argument(
        "--password-file",
        metavar="FILE",
        type=Path,
        help="its first line is the password, and nothing is asked",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=float,
        default=TIMEOUT,
        help="how long to wait for an answer (default: %(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def caller_of(arguments: argparse.Namespace, address: Address, config: Config | None) -> Caller:
    """Who asks, from the command line, the configuration and the terminal."""
    server = server_of(arguments.server, arguments.transport, address, config)
    return Caller(address=address, password=_password(arguments, address, config), server=server)


def server_of(server: str | None, transport: str | None, address: Address, config: Config | None) -> SipUri:
    """The URI that everything is sent to; raises ``BadInput``."""
    if server is not None:
        uri = server if server.lower().startswith(("sip:", "sips:")) else f"sip:{server}"
        parsed = SipUri.parse(uri)
        if parsed.user is not None:
            raise BadInput(f"{server} is somebody's address; a server is HOST or HOST:PORT")
        return parsed if parsed.param("transport") else _over(parsed, transport or Transport.UDP.value)
    if config is not None and address.domain in config.sip.domains:
        wanted = [each for each in config.sip.listen if transport in (None, each.transport.value)]
        if not wanted:
            raise BadInput(f"this gateway does not listen for {transport}; sip.listen: {_listed(config)}")
        host = ipaddress.ip_address(wanted[0].interface)
        if host.is_unspecified:
            host = ipaddress.ip_address("127.0.0.1" if host.version == 4 else "::1")
        place = HostPort(str(host), wanted[0].port)
        return _over(SipUri.parse(f"sip:{place}"), wanted[0].transport.value)
    own = SipUri.parse(f"sip:{ascii_domain(address.domain)}")
    return own if transport is None else _over(own, transport)


def _over(uri: SipUri, transport: str) -> SipUri:
    return SipUri.parse(f"{uri};transport={transport}")


def _listed(config: Config) -> str:
    return ", ".join(str(each) for each in config.sip.listen)


def _password(arguments: argparse.Namespace, address: Address, config: Config | None) -> str:
    """The password; empty when there is none."""
    if arguments.password_file is not None:
        try:
            text: str = arguments.password_file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text"
            raise BadInput(f"cannot read {arguments.password_file}: {why}") from None
        return text.splitlines()[0].strip() if text.strip() else ""
    ours = config is not None and address.domain in config.sip.domains and arguments.server is None
    if config is not None and ours and config.sip.authentication is Authentication.NONE:
        return ""
    if sys.stdin.isatty():
        return getpass.getpass(f"Password of {address}: ")
    return sys.stdin.readline().rstrip("\r\n")


class RememberingAgent(UserAgent):
    """A user agent that keeps what the last request of each Call-ID led to."""

    answers: dict[str, Response | Sip2XmppError]

    def request(
        self,
        request: Request,
        *,
        flow: Flow | None = None,
        next_hop: SipUri | None = None,
        authenticate: bool = True,
        timeout: float | None = None,
    ) -> "Deferred[Response]":
        """As it is, and remembered."""

        def remember(result: Response | Failure) -> Response | Failure:
            answer = result.value if isinstance(result, Failure) else result
            if isinstance(answer, Response | Sip2XmppError):
                self.answers[request.call_id] = answer
            return result

        answer = super().request(
            request, flow=flow, next_hop=next_hop, authenticate=authenticate, timeout=timeout
        )
        return answer.addBoth(remember)


class Client:
    """One SIP user agent for a caller."""

    def __init__(self, caller: Caller, config: Config | None, reactor: Any) -> None:
        self.caller = caller
        self.clock = reactor
        self.rng = SystemRandom()
        tls = Tls(authorities=config.sip.authorities if config is not None else None)
        self.transports = Transports(reactor, tls=tls)
        if caller.transport in (None, Transport.UDP):
            try:
                self.transports.listen(Transport.UDP, _interface_toward(caller.server.host), 0)
            except OSError as error:
                raise Unreachable(f"there is no way to {caller.server.host}: {error.strerror}") from None
        self.agent = RememberingAgent(
            transports=self.transports,
            dns=open_dns(reactor, config.dns.servers if config is not None else ()),
            clock=reactor,
            rng=self.rng,
            server_name=f"sip2xmpp/{__version__}",
            credentials=DigestClient(
                lambda *_: (caller.address.local, caller.password) if caller.password else None
            ),
            outbound_proxy=str(caller.server),
        )
        self.agent.answers = {}
        self.agent.serve("NOTIFY", self)
        self._dialogs: dict[tuple[str, str], Notifiable] = {}

    def expect(self, call_id: str, tag: str, taker: Notifiable) -> None:
        """Give the NOTIFYs of this dialog to ``taker``."""
        self._dialogs[call_id, tag] = taker

    def request_received(self, transaction: ServerTransaction, request: Request) -> None:
        """A NOTIFY came."""
        taker = self._dialogs.get((request.call_id, request.to.tag or ""))
        if taker is None:
            transaction.reply(481)
        else:
            taker.notify_received(transaction, request)

    async def close(self) -> None:
        """Close every socket."""
        self.agent.stop()
        await self.transports.close()

    def trouble(self, answer: Response | Sip2XmppError | None, about: Address) -> Sip2XmppError:
        """What a refusal or a failure means, in one line."""
        caller = self.caller
        if answer is None:
            return Unreachable(f"{_shown(caller.server)} does not answer")
        if isinstance(answer, Sip2XmppError):
            why = "does not answer" if isinstance(answer, TransactionTimeout) else "cannot be reached"
            return Unreachable(f"{_shown(caller.server)} {why}: {answer}")
        if answer.status in (401, 407):
            if not caller.password:
                return Refused(f"the server wants a password of {caller.address}")
            return Refused(f"the server does not accept {caller.address} with this password")
        meaning = _MEANINGS.get(answer.status, "the server refuses it")
        return Refused(f"{about}: {meaning}: {answer.status} {answer.reason}")


def _shown(server: SipUri) -> str:
    """The server as a person writes it."""
    place = server.host if server.port is None else f"{server.host}:{server.port}"
    transport = server.param("transport")
    return f"{transport}:{place}" if transport else place


def _interface_toward(host: str) -> str:
    """The address of ours to be reached at by a server with this address; any, when only its name is known."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return _ANYWHERE
    return local_address_toward(str(address))
