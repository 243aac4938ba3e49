"""Whom a TLS connection proves to talk to.

A server shows the operator's certificate.  A client believes the certificates that its authorities signed, and then
looks whether one is for the domain it wanted: that is the domain of the URI, never the name of the server that DNS
gave.  A SIP certificate names its domain as a ``sip:`` URI without a user, or like any other as a DNS name; only one
with no alternative names at all is believed by its common name.  Wildcards prove nothing.

``Tls`` is what the connections need of all this: it makes OpenSSL connections for Twisted.

Implements: RFC 5922 sections 7.1 to 7.3; RFC 3261 section 26.3.1.
"""

import ipaddress
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator
from zope.interface import implementer

from sip2xmpp.errors import ConfigError

__all__ = ["Tls", "proves", "sip_identities"]


def sip_identities(certificate: x509.Certificate) -> list[str]:
    """The domains and addresses that ``certificate`` proves, lower case (RFC 5922, section 7.1)."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return [str(common[0].value).lower()] if common else []
    uris = [uri.lower() for uri in names.get_values_for_type(x509.UniformResourceIdentifier)]
    domains = [uri[4:].partition(";")[0] for uri in uris if uri.startswith("sip:") and "@" not in uri]
    domains = domains or [name.lower() for name in names.get_values_for_type(x509.DNSName)]
    # an address proves itself: RFC 5922 knows only domains, but a URI may have no other host
    return domains + [str(address) for address in names.get_values_for_type(x509.IPAddress)]


def proves(certificate: x509.Certificate, host: str) -> bool:
    """Whether ``certificate`` is for ``host``, a domain or an address as in a URI."""
    wanted = host.lower().strip("[]").rstrip(".")
    try:
        wanted = str(ipaddress.ip_address(wanted))
    except ValueError:
        pass  # a name
    return wanted in {identity.rstrip(".") for identity in sip_identities(certificate)}


def _digest(*files: Path | None) -> bytes:
    """What tells the contents of files from others; those that cannot be read are for OpenSSL to complain of."""
    made = sha256()
    for file in files:
        try:
            octets = b"" if file is None else file.read_bytes()
        except OSError:
            octets = b""
        made.update(sha256(octets).digest())
    return made.digest()


def _is_locked(key: Path) -> bool:
    """Whether a key in PEM has a passphrase, for which OpenSSL would ask on the terminal while everything waits (RFC 7468, RFC 1421)."""
    try:
        return b"ENCRYPTED" in key.read_bytes()
    except OSError:
        return False


def _context() -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    return context


class Tls:
    """The certificate, the key and the authorities of this gateway; raises ConfigError if they are no good.

    Without a certificate there are no servers; without ``authorities`` clients believe those of the system.  ``place`` is where the
    configuration names them, ``made_of`` a digest of their contents.
    """

    def __init__(
        self,
        *,
        certificate: Path | None = None,
        private_key: Path | None = None,
        authorities: Path | None = None,
        place: str = "sip",
    ) -> None:
        self._place = place
        self.made_of = _digest(certificate, private_key, authorities)
        self._server: SSL.Context | None = None
        self._client = _context()
        self._client.set_verify(SSL.VERIFY_PEER, _verdict)
        if private_key is not None and _is_locked(private_key):
            raise ConfigError(
                [f"{place}.private_key: {private_key} needs a passphrase; store it without one"]
            )
        try:
            if authorities is not None:
                self._client.load_verify_locations(str(authorities))
            else:
                self._client.set_default_verify_paths()
            if certificate is not None and private_key is not None:
                self._server = _context()
                for context in (self._server, self._client):
                    context.use_certificate_chain_file(str(certificate))
                    context.use_privatekey_file(str(private_key))
                    context.check_privatekey()
        except SSL.Error as error:
            files = ", ".join(
                str(path) for path in (certificate, private_key, authorities) if path is not None
            )
            raise ConfigError([f"{place}.certificate: {files} cannot be used: {_reason(error)}"]) from error

    def server(self) -> "ServerSide":
        """What Twisted needs to accept connections."""
        self._server_context()
        return ServerSide(self._server_context)

    def _server_context(self) -> SSL.Context:
        if self._server is None:
            raise ConfigError([f"{self._place}.certificate: is missing; a tls listener needs it"])
        return self._server

    def client(self, name: str) -> "ClientSide":
        """What Twisted needs to connect to a server of ``name``; whether it proves that is for ``proves`` to say."""
        return ClientSide(self._client, name)

    @property
    def has_certificate(self) -> bool:
        """Whether there can be servers."""
        return self._server is not None

    def become(self, other: "Tls") -> None:
        """Use what ``other`` was made with for every connection from now on, also those that listeners accept."""
        self._server, self._client, self.made_of = other._server, other._client, other.made_of


@implementer(IOpenSSLServerConnectionCreator)
class ServerSide:
    """Makes the OpenSSL connection for each connection accepted."""

    def __init__(self, context: Callable[[], SSL.Context]) -> None:
        self._context = context

    def serverConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:  # noqa: ARG002, N803 - Twisted's
        return SSL.Connection(self._context(), None)


@implementer(IOpenSSLClientConnectionCreator)
class ClientSide:
    """Makes the OpenSSL connection for each connection opened; says in clear which domain it wants (SNI)."""

    def __init__(self, context: SSL.Context, name: str) -> None:
        self._context = context
        self._name = name

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:  # noqa: ARG002, N803 - Twisted's
        connection = SSL.Connection(self._context, None)
        if self._name and not self._name.strip("[]").replace(".", "").replace(":", "").isdigit():
            connection.set_tlsext_host_name(self._name.encode("ascii", "ignore"))
        return connection


def _verdict(connection: SSL.Connection, certificate: Any, error: int, depth: int, ok: int) -> bool:  # noqa: ARG001 - OpenSSL's
    return bool(ok)


def _reason(error: SSL.Error) -> str:
    details: Iterable[Any] = error.args[0] if error.args else ()
    return "; ".join(str(detail[-1]) for detail in details if detail) or "unreadable"
