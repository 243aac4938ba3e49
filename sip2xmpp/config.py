"""The configuration file: TOML into one frozen ``Config``, or every fault in it at once.

``settings`` says what can be configured.  ``load`` reads the file, lets ``keys.read_table`` check every value on its
own, then looks at what only makes sense together, and raises ``ConfigError`` with all faults, each placed by its key.  A table that stands for a leg (``[xmpp]``, ``[http]``) and is
not there switches that leg off.

Secrets come from the environment, from a file of their own or, last, from this file: ``SIP2XMPP_XMPP_SECRET``, then
``secret_file`` or ``secret``, then ``xmpp-secret`` in ``$CREDENTIALS_DIRECTORY`` (systemd's LoadCredential).  Relative
paths are relative to the configuration file; a relative secret file is looked for among the credentials first.
"""

import os
import ssl
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sip2xmpp.errors import ConfigError
from sip2xmpp.keys import Fault, checks_of, guess, joined, read_table
from sip2xmpp.portal.tokens import COMMAND
from sip2xmpp.settings import (
    Config,
    DnsConfig,
    GatewayConfig,
    HttpConfig,
    LimitsConfig,
    ListsConfig,
    LogConfig,
    PresenceConfig,
    RegistrarConfig,
    SipConfig,
    XcapConfig,
    XmppConfig,
)
from sip2xmpp.sip.flow import HostPort, Transport

__all__ = ["DEFAULT_PATH", "PATH_VARIABLE", "Config", "load", "read"]

DEFAULT_PATH = Path("/etc/sip2xmpp/sip2xmpp.toml")
PATH_VARIABLE = "SIP2XMPP_CONFIG"
SECRET_VARIABLE = "SIP2XMPP_XMPP_SECRET"  # noqa: S105 - the name of the variable
CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"
SECRET_CREDENTIAL = "xmpp-secret"  # noqa: S105 - the name of the file
SHORTEST_TOKEN = 16

_TABLES: Mapping[str, type] = {
    "gateway": GatewayConfig,
    "sip": SipConfig,
    "xmpp": XmppConfig,
    "presence": PresenceConfig,
    "registrar": RegistrarConfig,
    "dns": DnsConfig,
    "http": HttpConfig,
    "xcap": XcapConfig,
    "lists": ListsConfig,
    "log": LogConfig,
    "limits": LimitsConfig,
}
_LEGS = frozenset({"xmpp", "http"})


def load(path: Path | str, environment: Mapping[str, str] = os.environ) -> Config:
    """The configuration in a file; raises ``ConfigError`` with every fault."""
    path = Path(path)
    try:
        written = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: is not UTF-8 at octet {error.start}"]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path}: is not TOML: {error}"]) from None
    return read(written, path.parent, environment)


def read(written: Mapping[str, Any], folder: Path, environment: Mapping[str, str]) -> Config:
    """The configuration in parsed TOML; ``folder`` is where relative paths start."""
    faults: list[Fault] = []
    tables: dict[str, Any] = {}
    for name, value in written.items():
        if name not in _TABLES:
            faults.append(Fault(joined("", name), f"no such table{guess(name, _TABLES)}"))
        elif not isinstance(value, dict):
            faults.append(Fault(name, f"is a table, written as [{name}]"))
    for name, kind in _TABLES.items():
        value = written.get(name)
        if isinstance(value, dict):
            tables[name] = read_table(kind, value, name, faults, _others(name))
        elif name not in _LEGS:
            tables[name] = kind()
    config = _with_files(Config(**tables), folder, environment, faults)
    places = [fault.place for fault in faults]
    faults.extend(
        fault for fault in contradictions(config) if not any(p.startswith(fault.place) for p in places)
    )
    if faults:
        raise ConfigError([str(fault) for fault in faults])
    return config


def _others(here: str) -> Mapping[str, str]:
    """Which tables have the keys that ``here`` has not."""
    found: dict[str, str] = {}
    for name, kind in _TABLES.items():
        for each in checks_of(kind):
            found[each] = f"{found[each]} or [{name}]" if each in found else f"[{name}]"
    return {each: names for each, names in found.items() if f"[{here}]" not in names}


# what is outside of the file


def _with_files(config: Config, folder: Path, environment: Mapping[str, str], faults: list[Fault]) -> Config:
    """The configuration with absolute paths and with its secrets."""
    scheme, _, path = config.gateway.state.partition(":")
    gateway = (
        replace(config.gateway, state=f"{scheme}:{folder.absolute() / path}") if path else config.gateway
    )
    files = _Files(folder.absolute(), Path(environment.get(CREDENTIALS_VARIABLE, "")), faults)
    sip = replace(
        config.sip,
        certificate=files.placed(config.sip.certificate),
        private_key=files.placed(config.sip.private_key),
        authorities=files.placed(config.sip.authorities),
        credentials={
            realm: replace(
                each,
                password=files.secret(each.password, each.password_file, f"{_credential(realm)}.password"),
            )
            for realm, each in config.sip.credentials.items()
        },
    )
    _check_certificates("sip", sip.certificate, sip.private_key, sip.authorities, faults)
    xmpp = config.xmpp
    if xmpp is not None:
        secret = environment.get(SECRET_VARIABLE) or files.secret(
            xmpp.secret, xmpp.secret_file, "xmpp.secret"
        )
        xmpp = replace(xmpp, secret=secret or files.credential(SECRET_CREDENTIAL))
    http = config.http
    if http is not None:
        tokens = {
            name: replace(
                each,
                token=files.secret(each.token, each.token_file, f"{joined('http.tokens', name)}.token"),
            )
            for name, each in http.tokens.items()
        }
        http = replace(
            http,
            tokens=tokens,
            certificate=files.placed(http.certificate),
            private_key=files.placed(http.private_key),
        )
        _check_certificates("http", http.certificate, http.private_key, None, faults)
    return replace(config, gateway=gateway, sip=sip, xmpp=xmpp, http=http)


@dataclass(frozen=True, slots=True)
class _Files:
    """Where files named in the configuration are."""

    folder: Path
    credentials: Path
    faults: list[Fault]

    def placed(self, path: Path | None) -> Path | None:
        return None if path is None else self.folder / path

    def secret(self, given: str, file: Path | None, place: str) -> str:
        """The secret itself, or the first line of its file."""
        if file is None:
            return given
        if given:
            self.faults.append(Fault(place, f"give this or {place.rpartition('.')[2]}_file, not both"))
        place += "_file"
        try:
            lines = self._found(file).read_text("utf-8").splitlines()
        except OSError as error:
            self.faults.append(Fault(place, f"{file} cannot be read: {error.strerror}"))
            return ""
        except UnicodeDecodeError:
            self.faults.append(Fault(place, f"{file} is not text"))
            return ""
        if not lines or not lines[0].strip():
            self.faults.append(Fault(place, f"{file} is empty"))
            return ""
        return lines[0].strip()

    def credential(self, name: str) -> str:
        """What the service manager passed under a name, or nothing."""
        file = self.credentials / name
        return self.secret("", file, "xmpp.secret") if file.is_absolute() and file.exists() else ""

    def _found(self, file: Path) -> Path:
        credential = self.credentials / file
        return credential if credential.is_absolute() and credential.exists() else self.folder / file


def _check_certificates(
    place: str, certificate: Path | None, key: Path | None, authorities: Path | None, faults: list[Fault]
) -> None:
    for name, path in (("certificate", certificate), ("private_key", key), ("authorities", authorities)):
        if path is not None and not os.access(path, os.R_OK):
            why = "cannot be read" if path.exists() else "does not exist"
            faults.append(Fault(f"{place}.{name}", f"{path} {why}"))
            return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    asked: list[bool] = []

    def nothing() -> str:
        asked.append(True)
        return ""

    try:
        if certificate and key:
            # without a password to try, OpenSSL asks for one on the terminal
            context.load_cert_chain(certificate, key, password=nothing)
    except ssl.SSLError as error:
        if asked:
            why = f"the key of {certificate} is protected by a pass phrase, which nobody is there to type"
        elif error.reason == "KEY_VALUES_MISMATCH":
            why = f"{certificate} does not belong to the private key"
        else:
            why = f"{certificate} or its key is not PEM"
        faults.append(Fault(f"{place}.certificate", why))
    try:
        if authorities:
            context.load_verify_locations(authorities)
    except ssl.SSLError:
        faults.append(Fault(f"{place}.authorities", f"{authorities} holds no PEM certificates"))


def _credential(realm: str) -> str:
    return joined("sip.credentials", realm)


# what only makes sense together


def contradictions(config: Config) -> Iterator[Fault]:
    """Faults between keys; one whose place has a fault of its own already is left out by the caller."""
    sip, xmpp = config.sip, config.xmpp
    if not sip.domains and xmpp is None:
        yield Fault("sip.domains", "nothing to serve: give our SIP domains here, or an [xmpp] table, or both")
    yield from _sip_contradictions(sip)
    if xmpp is not None:
        yield from _xmpp_contradictions(xmpp, sip)
    for name in config.presence.domains:
        if name not in sip.domains:
            yield Fault(joined("presence.domains", name), "is not in sip.domains")
    for name in config.registrar.follow:
        if name not in sip.domains:
            yield Fault(joined("registrar.follow", name), "is not in sip.domains")
    gateway_domain = xmpp.gateway_domain if xmpp else None
    for name in config.dns.domains:
        if name in sip.domains or name == gateway_domain:
            yield Fault(joined("dns.domains", name), "is ours, and never looked up")
    limits = config.limits
    if not limits.min_expires <= limits.default_expires <= limits.max_expires:
        yield Fault("limits.default_expires", "must lie between min_expires and max_expires")
    if config.http is not None:
        yield from _http_contradictions(config.http, sip)


def _http_contradictions(http: HttpConfig, sip: SipConfig) -> Iterator[Fault]:
    for each in sip.listen:
        if each.transport is not Transport.UDP and HostPort(each.interface, each.port) == http.listen:
            yield Fault("http.listen", f"is taken by sip.listen {each}")
    if (http.certificate is None) is not (http.private_key is None):
        name = "certificate" if http.certificate is None else "private_key"
        yield Fault(f"http.{name}", "is missing; certificate and private_key go together")
    for name in http.roles:
        if "@" not in name or name.rpartition("@")[2] not in sip.domains:
            yield Fault(joined("http.roles", name), "is not an address in sip.domains")
    yield from _token_contradictions(http)


def _token_contradictions(http: HttpConfig) -> Iterator[Fault]:
    owners: dict[str, str] = {}
    for name, each in http.tokens.items():
        place = f"{joined('http.tokens', name)}"
        if name == COMMAND:
            yield Fault(place, "is the name of the token of the command; use another one")
        if not each.token:
            yield Fault(f"{place}.token", "is missing; give it or token_file")
        elif len(each.token) < SHORTEST_TOKEN or not each.token.isascii() or " " in each.token:
            yield Fault(f"{place}.token", f"has {SHORTEST_TOKEN} or more ASCII characters without blanks")
        elif each.token in owners:
            yield Fault(f"{place}.token", f"is that of {owners[each.token]} too")
        if not each.addresses:
            yield Fault(f"{place}.addresses", "is missing: the addresses that it may be used for")
        owners[each.token] = name


def _sip_contradictions(sip: SipConfig) -> Iterator[Fault]:
    for name in sip.lines:
        if "@" not in name or name.rpartition("@")[2] not in sip.domains:
            yield Fault(joined("sip.lines", name), "is not an address in sip.domains")
    if any(each.transport is Transport.TLS for each in sip.listen):
        for name in ("certificate", "private_key"):
            if getattr(sip, name) is None:
                yield Fault(f"sip.{name}", "is missing; a tls listener needs it")
    elif (sip.certificate is None) is not (sip.private_key is None):
        name = "certificate" if sip.certificate is None else "private_key"
        yield Fault(f"sip.{name}", "is missing; certificate and private_key go together")
    streams = [(each.interface, each.port) for each in sip.listen if each.transport is not Transport.UDP]
    for index, each in enumerate(sip.listen):
        if each.transport is Transport.TLS and streams.count((each.interface, each.port)) > 1:
            yield Fault(f"sip.listen[{index}]", "tcp and tls cannot share a port")
    for realm, ours in sip.credentials.items():
        if not ours.username:
            yield Fault(f"{_credential(realm)}.username", "is missing")
        if not ours.password:
            yield Fault(f"{_credential(realm)}.password", "is missing; give it or password_file")


def _xmpp_contradictions(xmpp: XmppConfig, sip: SipConfig) -> Iterator[Fault]:
    if not xmpp.secret:
        yield Fault(
            "xmpp.secret",
            f"is missing; give it, secret_file, {SECRET_VARIABLE} or the credential {SECRET_CREDENTIAL}",
        )
    if not xmpp.domains and xmpp.gateway_domain is None:
        yield Fault("xmpp.domains", "is empty; give the component's names here, or gateway_domain, or both")
    if xmpp.gateway_domain in xmpp.domains:
        yield Fault("xmpp.gateway_domain", "is in xmpp.domains as well; it can stand for one thing only")
    if xmpp.gateway_domain in sip.domains:
        yield Fault(
            "xmpp.gateway_domain", "is in sip.domains as well; its users are other domains' addresses"
        )
    for index, name in enumerate(xmpp.allowed_domains):
        if name in xmpp.domains or name == xmpp.gateway_domain:
            yield Fault(f"xmpp.allowed_domains[{index}]", f"{name} is the gateway itself")
