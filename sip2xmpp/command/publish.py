"""``sip2xmpp publish``: tell a SIP server how somebody is, as that person's client.

The document is made from ``--state``, ``--note`` and ``--activity`` in the form that most clients read, or taken from a file.
What is printed is the SIP-ETag, by which a later call changes or removes the publication before it expires.  With ``--hold``
it is kept alive until Ctrl-C, and then removed.

Implements: RFC 3903 section 4 (event publication agent).
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import CancelledError
from twisted.internet.task import deferLater

from sip2xmpp.address import Address
from sip2xmpp.command.arguments import OK, Subparsers, any_address
from sip2xmpp.command.client import Client, add_server_arguments, caller_of
from sip2xmpp.command.parser import Group
from sip2xmpp.command.reacting import configuration_if_any, react
from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import Presence
from sip2xmpp.documents.times import from_unix
from sip2xmpp.errors import BadInput, Sip2XmppError
from sip2xmpp.presence.canonical import canonical
from sip2xmpp.presence.states import State
from sip2xmpp.presence.telling import Telling, activity_named, document_of, note_of
from sip2xmpp.sip.headers import NameAddr
from sip2xmpp.sip.message import Response, make_request

EXPIRES: Final = 3600
"""Seconds that a publication is asked to last."""

REFRESHED_AT: Final = 0.8
"""Part of its lifetime after which a held publication is refreshed."""

RETRY: Final = 30.0
"""Seconds after which a failed refresh is tried again."""

PIDF: Final = "application/pidf+xml"


def add_parser(subparsers: Subparsers) -> None:
    """Add ``publish``."""
    parser = subparsers.add_parser(
        "publish",
        help="publish somebody's presence, as that person's SIP client",
        group=Group.PEOPLE,
        description="Tells a SIP server how somebody is, as that person's client would, with that person's password. Speaks to any SIP "
        "server. Prints the SIP-ETag, by which a later call changes or removes what was published. To state something "
        "without password and lifetime, there is inject.",
        examples=(
            ("sip2xmpp publish bob@sip.example.org --state away --note Lunch", "for an hour"),
            ("sip2xmpp publish bob@sip.example.org --state dnd --hold", "until Ctrl-C"),
            (
                "sip2xmpp publish bob@sip.example.org --remove --etag 4f1c",
                "takes back what was printed as 4f1c",
            ),
        ),
    )
    parser.add_argument("address", metavar="ADDRESS", help="as in bob@sip.example.org")
    said = parser.add_mutually_exclusive_group()
    said.add_argument(
        "--state",
        choices=[state.value for state in State if state is not State.UNKNOWN],
        default=State.ONLINE.value,
        help="how ADDRESS is (default: %(default)s)",
    )
    said.add_argument("--file", metavar="PIDF", type=Path, help="publish this document instead")
    said.add_argument("--remove", action="store_true", help="remove the publication that --etag names")
    parser.add_argument("--note", default="", help="a text beside the state")
    parser.add_argument(
        "--activity",
        action="append",
        default=[],
        metavar="NAME",
        help="an RPID activity such as meeting, or other words; may be repeated",
    )
    parser.add_argument(
        "--expires", metavar="SECONDS", type=int, default=EXPIRES, help="default: %(default)s"
    )
    parser.add_argument("--etag", metavar="SIP-ETAG", default="", help="change this publication")
    parser.add_argument("--hold", action="store_true", help="keep it alive until Ctrl-C, then remove it")
    add_server_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Publish and print."""
    if arguments.remove and not arguments.etag:
        raise BadInput("--remove needs the --etag of what is to be removed")
    if arguments.expires < 1:
        raise BadInput("--expires is a number of seconds, 1 or more")
    config = configuration_if_any(arguments)
    address = any_address(arguments.address)
    body = b"" if arguments.remove else octets_of(arguments, address)
    caller = caller_of(arguments, address, config)

    async def main(reactor: Any) -> int:
        client = Client(caller, config, reactor)
        try:
            return await _publish(Publisher(client, arguments.timeout, etag=arguments.etag), arguments, body)
        finally:
            await client.close()

    return react(main)


async def _publish(publisher: "Publisher", arguments: argparse.Namespace, body: bytes) -> int:
    if arguments.remove:
        await publisher.remove()
        return OK
    await publisher.publish(body, arguments.expires)
    told = {"etag": publisher.etag, "expires": publisher.granted}
    print(json.dumps(told) if arguments.json else publisher.etag, flush=True)
    if arguments.hold:
        try:
            await publisher.hold(body, arguments.expires)
        except CancelledError:
            await publisher.remove()
    return OK


def octets_of(arguments: argparse.Namespace, address: Address) -> bytes:
    """The body to publish; raises ``BadInput`` for a file that is no presence document."""
    if arguments.file is None:
        return pidf.write(
            document(address, State(arguments.state), note=arguments.note, activities=arguments.activity)
        )
    if arguments.note or arguments.activity:
        raise BadInput("--note and --activity are for --state; the file has its own")
    try:
        octets: bytes = arguments.file.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {arguments.file}: {error.strerror}") from None
    pidf.read(octets)
    return octets


def document(
    address: Address,
    state: State,
    *,
    note: str = "",
    activities: list[str] | None = None,
    now: float | None = None,
) -> Presence:
    """A document that says this state, in the form most clients read; ``now`` is Unix time."""
    telling = Telling(
        state=state,
        activities=tuple(map(activity_named, activities or ())),
        notes=(note_of(note),) if note else (),
    )
    when = from_unix(time.time() if now is None else now)
    return canonical(document_of(telling, address.sip_uri(), source="sip2xmpp", timestamp=when))


class Publisher:
    """The publication of one person; ``timeout`` in seconds is for each answer."""

    def __init__(self, client: Client, timeout: float, *, etag: str = "") -> None:
        self._client = client
        self._timeout = timeout
        self.etag = etag
        self.granted = 0

    async def publish(self, body: bytes, expires: int) -> None:
        """Make or change the publication, or without a body refresh it; raises ``Refused`` or ``Unreachable``."""
        response = await self._send(body, expires)
        minimum = response.headers.get("Min-Expires") or ""
        if response.status == 423 and minimum.isdigit() and int(minimum) > expires:
            response = await self._send(body, int(minimum))
        if not 200 <= response.status < 300:
            raise self._client.trouble(response, self._client.caller.address)
        self.etag = response.headers.get("SIP-ETag") or self.etag
        self.granted = response.expires if response.expires is not None else expires

    async def hold(self, body: bytes, expires: int) -> None:
        """Refresh before each end, for ever; what the server has forgotten is published again."""
        clock = self._client.clock
        delay = self.granted * REFRESHED_AT
        while True:
            await deferLater(clock, delay)
            try:
                response = await self._send(b"", expires)
                if response.status == 412:
                    self.etag = ""
                    await self.publish(body, expires)
                elif not 200 <= response.status < 300:
                    raise self._client.trouble(response, self._client.caller.address)
                else:
                    self.etag = response.headers.get("SIP-ETag") or self.etag
                    self.granted = response.expires if response.expires is not None else expires
            except Sip2XmppError:
                # it is good until it expires, and the server may be back by then
                delay = RETRY
            else:
                delay = self.granted * REFRESHED_AT

    async def remove(self) -> None:
        """Take it back; one that is gone already is no trouble."""
        response = await self._send(b"", 0)
        if not 200 <= response.status < 300 and response.status != 412:
            raise self._client.trouble(response, self._client.caller.address)
        self.etag = ""

    async def _send(self, body: bytes, expires: int) -> Response:
        client = self._client
        uri = client.caller.address.sip_uri()
        named = [("SIP-If-Match", self.etag)] if self.etag else []
        request = make_request(
            "PUBLISH",
            uri,
            from_=NameAddr(uri=uri, params=(("tag", f"{client.rng.getrandbits(64):016x}"),)),
            to=NameAddr(uri=uri),
            call_id=f"{client.rng.getrandbits(128):032x}",
            cseq=1,
            headers=[("Event", "presence"), ("Expires", str(expires)), *named],
            body=body,
            content_type=PIDF if body else None,
        )
        try:
            return await client.agent.request(request, timeout=self._timeout)
        except Sip2XmppError as error:
            raise client.trouble(error, client.caller.address) from None
