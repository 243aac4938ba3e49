"""What can be configured: one dataclass for each table of the file, one field for each key.

A field is declared with its check and its default, which is safe.  ``config`` reads a file into these.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from twisted.logger import LogLevel

from sip2xmpp.address import Address
from sip2xmpp.digest import Algorithm
from sip2xmpp.documents.presence import Show
from sip2xmpp.errors import BadAddress
from sip2xmpp.keys import (
    Fault,
    Listener,
    Wrong,
    address_port,
    choice,
    domain,
    host_port,
    jid,
    key,
    listener,
    many,
    mapping,
    network,
    number,
    one_of,
    optional,
    sip_uri,
    switch,
    table,
    text,
    whole,
)
from sip2xmpp.pages.roles import Role
from sip2xmpp.portal.tokens import Right
from sip2xmpp.presence.calls import OnThePhone
from sip2xmpp.presence.clients import OPTIONS, PROFILES, sound_pattern
from sip2xmpp.presence.policy import Handling
from sip2xmpp.presence.profiles import INTEROP, RFC, Profile
from sip2xmpp.presence.states import State
from sip2xmpp.sip.flow import HostPort, Transport

NOTHING: Mapping[str, Any] = MappingProxyType({})
EVERYWHERE = "0.0.0.0"  # noqa: S104 - a SIP server that nobody reaches is of no use; digest is on by default
_HANDLINGS = {"allow": Handling.ALLOW, "confirm": Handling.CONFIRM, "deny": Handling.BLOCK}


class Authentication(Enum):
    """How a SIP request proves who sent it."""

    DIGEST = "digest"
    NONE = "none"


class MessageType(Enum):
    """The type of message stanza that a SIP MESSAGE becomes (RFC 7572, section 5)."""

    CHAT = "chat"
    NORMAL = "normal"


class Pictures(Enum):
    """Who may read the pictures that users keep as documents."""

    WATCHERS = "watchers"
    ANYBODY = "anybody"


class LogFormat(Enum):
    """How the log is written."""

    TEXT = "text"
    JSON = "json"


def _state(value: object) -> str:
    """Either memory: or sqlite:PATH."""
    scheme, _, path = text(value).partition(":")
    if not (scheme == "memory" and not path) and not (scheme == "sqlite" and path):
        raise Wrong(f'"{value}" is neither memory: nor sqlite:PATH')
    return str(value)


def _path(value: object) -> Path | None:
    """A path, or empty."""
    return Path(text(value)) if value != "" else None


def _identity(value: object) -> Address:
    """An address, as in alice@sip.example.org."""
    try:
        return Address.parse(text(value))
    except BadAddress as error:
        raise Wrong(f'"{value}" is not an address: {error}') from None


def _identity_name(value: object) -> str:
    """An address, as in alice@sip.example.org."""
    return str(_identity(value))


def _address_pattern(value: object) -> str:
    """An address in which ``*`` and ``?`` stand for anything."""
    local, at, name = text(value).rpartition("@")
    if not at or not local or not name:
        raise Wrong(
            f'"{value}" is not a pattern of addresses, as in weather@sip.example.org or *@sip.example.org'
        )
    if not set(text(value)) & set("*?"):
        return str(_identity(value))
    return f"{local.lower()}@{name.lower() if set(name) & set('*?') else domain(name)}"


def _token_name(value: object) -> str:
    """A name of 1 to 40 letters, digits, dots, hyphens and underscores."""
    name = text(value)
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,40}", name):
        raise Wrong("a name has 1 to 40 letters, digits, dots, hyphens and underscores")
    return name


def _leg(value: object) -> str:
    """Either sip, xmpp, a sip: URI to send to, or the host:port of a component."""
    said = text(value)
    if said in {"sip", "xmpp"}:
        return said
    if said.lower().startswith(("sip:", "sips:")):
        return sip_uri(said)
    try:
        host_port(said)
    except Wrong:
        raise Wrong(f'"{said}" is neither sip, xmpp, a sip: URI nor host:port') from None
    return said


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """``[gateway]``: what concerns both sides."""

    state: str = key(_state, "sqlite:/var/lib/sip2xmpp/state.db")


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialConfig:
    """``[sip.credentials."realm"]``: who we are to another SIP server that asks."""

    username: str = key(text, "")
    password: str = key(text, "", shown=False)
    password_file: Path | None = key(_path, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineConfig:
    """``[sip.lines."address"]``: a line that several phones share."""

    appearances: int = key(whole(1, 50), 2)
    members: tuple[Address, ...] = key(many(_identity), ())
    always_open: bool = key(switch, False)
    ask_phones: bool = key(switch, True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SipConfig:
    """``[sip]``; ``t1`` is the round-trip estimate in seconds of RFC 3261, section 17.1.1.1."""

    domains: tuple[str, ...] = key(many(domain), ())
    listen: tuple[Listener, ...] = key(
        many(listener, least=1),
        (Listener(Transport.UDP, EVERYWHERE, 5060), Listener(Transport.TCP, EVERYWHERE, 5060)),
    )
    certificate: Path | None = key(_path, None)
    private_key: Path | None = key(_path, None)
    authorities: Path | None = key(_path, None)
    authentication: Authentication = key(choice(Authentication), Authentication.DIGEST)
    trusted_peers: tuple[IPv4Network | IPv6Network, ...] = key(many(network), ())
    forbidden_targets: tuple[IPv4Network | IPv6Network, ...] = key(many(network), ())
    outbound_proxy: str | None = key(optional(sip_uri), None)
    credentials: Mapping[str, CredentialConfig] = key(mapping(text, table(CredentialConfig)), NOTHING)
    lines: Mapping[str, LineConfig] = key(mapping(_identity_name, table(LineConfig)), NOTHING)
    t1: float = key(number(0.05, 5.0), 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class XmppConfig:
    """``[xmpp]``; ``secret`` is the one in force, wherever it came from."""

    server: HostPort = key(host_port, HostPort("127.0.0.1", 5347))
    secret: str = key(text, "", shown=False)
    secret_file: Path | None = key(_path, None)
    domains: tuple[str, ...] = key(many(domain), ())
    gateway_domain: str | None = key(optional(domain), None)
    allowed_domains: tuple[str, ...] = key(many(domain), ())
    message_type: MessageType = key(choice(MessageType), MessageType.CHAT)
    operators: tuple[str, ...] = key(many(jid), ())


def _user_agent(value: object) -> str:
    """A regular expression for User-Agent headers."""
    try:
        sound_pattern(text(value))
    except ValueError as error:
        raise Wrong(str(error)) from None
    return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """``[[presence.clients]]``: the form of documents for clients whose User-Agent matches."""

    user_agent: str = key(_user_agent, "")
    profile: Profile = key(one_of(PROFILES), INTEROP)


def _client(value: object) -> ClientConfig:
    """A table with user_agent and profile."""
    made = table(ClientConfig)(value)
    if not made.user_agent:
        raise Wrong(Fault("user_agent", "is missing"))
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceConfig:
    """``[presence]``: what a watcher gets about whom its owner decided nothing, in which form documents are written, and calls."""

    default: Handling = key(one_of(_HANDLINGS), Handling.CONFIRM)
    virtual: Handling | None = key(optional(one_of(_HANDLINGS)), None)
    profile: Profile = key(one_of({"interop": INTEROP, "rfc": RFC}), INTEROP)
    quirks: tuple[str, ...] = key(many(one_of({name: name for name in OPTIONS})), ())
    clients: tuple[ClientConfig, ...] = key(many(_client), ())
    on_the_phone: OnThePhone = key(choice(OnThePhone), OnThePhone.CONFIRMED)
    on_the_phone_show: Show = key(one_of({"dnd": Show.DND, "away": Show.AWAY}), Show.DND)
    lamp: tuple[State, ...] = key(many(choice(State)), (State.ON_THE_PHONE, State.BUSY, State.DND))
    dialog_details: bool = key(switch, False)
    bare_allow: bool = key(switch, False)
    domains: Mapping[str, Handling] = key(mapping(domain, one_of(_HANDLINGS)), NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrarConfig:
    """``[registrar]``: ``debounce``, ``restart_grace`` and ``flow_timer`` are seconds.  ``follow`` names other registrars."""

    presence: bool = key(switch, True)
    debounce: float = key(number(0.0, 60.0), 0.0)
    lost_connection: str = key(one_of({"unregister": "unregister", "keep": "keep"}), "unregister")
    restart_grace: int = key(whole(0, 86_400), 150)
    flow_timer: int = key(whole(0, 3_600), 0)
    one_per_instance: bool = key(switch, True)
    gruu: bool = key(switch, True)
    contacts: int = key(whole(1, 100), 20)
    watchers: tuple[Address, ...] = key(many(_identity), ())
    ask_contacts: bool = key(switch, False)
    ask_dialogs: bool = key(switch, False)
    ask_as: str | None = key(optional(sip_uri), None)
    follow: Mapping[str, str] = key(mapping(domain, sip_uri), NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsConfig:
    """``[dns]``: name servers, the system's when none are given, and domains that are not looked up."""

    servers: tuple[HostPort, ...] = key(many(address_port), ())
    domains: Mapping[str, str] = key(mapping(domain, _leg), NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenConfig:
    """``[http.tokens.NAME]``: what a program that uses the API may do; ``token`` is the one in force, wherever it came from."""

    token: str = key(text, "", shown=False)
    token_file: Path | None = key(_path, None)
    addresses: tuple[str, ...] = key(many(_address_pattern), ())
    may: tuple[Right, ...] = key(many(choice(Right)), (Right.PUBLISH,))


LOOPBACK: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
"""This machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpConfig:
    """``[http]``; ``requests`` is how many a token may make in a minute, ``roles`` what users of ours are beside being one."""

    listen: HostPort = key(address_port, HostPort("127.0.0.1", 8080))
    certificate: Path | None = key(_path, None)
    private_key: Path | None = key(_path, None)
    roles: Mapping[str, Role] = key(mapping(_identity_name, choice(Role)), NOTHING)
    requests: int = key(whole(1, 1_000_000), 600)
    tokens: Mapping[str, TokenConfig] = key(mapping(_token_name, table(TokenConfig)), NOTHING)
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = key(many(network), ())
    metrics: tuple[IPv4Network | IPv6Network, ...] = key(many(network), LOOPBACK)


def _root(value: object) -> str:
    """An HTTP URL without query and fragment, or empty."""
    url = text(value).rstrip("/")
    if url and not re.fullmatch(r"https?://[^/?#\s\"<>@]+(?:/[^?#\s\"<>]*)?", url):
        raise Wrong(f'"{value}" is not a URL, as in https://xcap.sip.example.org/xcap')
    return url


@dataclass(frozen=True, slots=True, kw_only=True)
class XcapConfig:
    """``[xcap]``: ``root`` is the URL by which clients reach ``/xcap``; the limits are for one user, ``total`` for all, in octets."""

    root: str = key(_root, "")
    digest: tuple[Algorithm, ...] = key(
        many(one_of({each.value: each for each in (Algorithm.MD5, Algorithm.SHA256)}), least=1),
        (Algorithm.MD5, Algorithm.SHA256),
    )
    pictures: Pictures = key(choice(Pictures), Pictures.WATCHERS)
    documents: int = key(whole(1, 10_000), 50)
    octets: int = key(whole(65_536, 1_073_741_824), 2_097_152)
    total: int = key(whole(65_536, 1_099_511_627_776), 268_435_456)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListsConfig:
    """``[lists]``: ``members`` and ``references`` of one list; lists inside one another are ``depth``; ``subscriptions`` and ``watched`` members of one user; ``window`` in seconds; ``notify`` in octets."""

    in_requests: bool = key(switch, True)
    members: int = key(whole(1, 10_000), 1_000)
    depth: int = key(whole(1, 100), 10)
    references: int = key(whole(1, 10_000), 500)
    subscriptions: int = key(whole(1, 10_000), 20)
    watched: int = key(whole(1, 1_000_000), 5_000)
    window: float = key(number(0.0, 60.0), 0.1)
    notify: int = key(whole(2_048, 60_000), 32_768)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """``[log]``."""

    format: LogFormat = key(choice(LogFormat), LogFormat.TEXT)
    level: LogLevel = key(
        one_of({name: LogLevel.lookupByName(name) for name in ("debug", "info", "warn", "error")}),
        LogLevel.info,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsConfig:
    """``[limits]``: lifetimes in seconds, sizes in octets; ``waiting`` in days."""

    min_expires: int = key(whole(1, 86_400), 60)
    default_expires: int = key(whole(1, 86_400), 3_600)
    max_expires: int = key(whole(1, 604_800), 7_200)
    body: int = key(whole(1_024, 65_535), 65_535)
    connections: int = key(whole(1, 1_000_000), 10_000)
    publications: int = key(whole(1, 1_000), 20)
    subscriptions: int = key(whole(1, 1_000_000), 1_000)
    waiting: int = key(whole(1, 365), 30)
    picture: int = key(whole(1_024, 262_144), 65_536)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole file.  ``xmpp`` or ``http`` None: that leg is off."""

    gateway: GatewayConfig
    sip: SipConfig
    presence: PresenceConfig
    registrar: RegistrarConfig
    dns: DnsConfig
    log: LogConfig
    limits: LimitsConfig
    xcap: XcapConfig
    lists: ListsConfig
    xmpp: XmppConfig | None = None
    http: HttpConfig | None = None
