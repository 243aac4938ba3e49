"""The certificates: are they valid now and for long, are they for our domains, and can others follow them to an authority?

Implements: RFC 5922 section 7.1 (which names a SIP certificate proves).
"""

import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from OpenSSL import crypto

from sip2xmpp.command.checks.findings import Finding, Scene, Topic
from sip2xmpp.preparation import ascii_domain
from sip2xmpp.settings import Config
from sip2xmpp.sip.flow import Transport
from sip2xmpp.sip.tls import proves, sip_identities

topic = Topic(name="certificate")

SOON: Final = timedelta(days=21)
"""Before this much is left, it should have been renewed."""

AUTHORITIES: Final = "/etc/ssl/certs/ca-certificates.crt"
"""Whom the system believes."""


def look(scene: Scene) -> Iterator[Finding]:
    """Look at every certificate that is configured."""
    config = scene.config
    if config.sip.certificate is not None:
        listens = any(each.transport is Transport.TLS for each in config.sip.listen)
        wanted = config.sip.domains if listens else ()
        yield from _certificate("sip.certificate", config.sip.certificate, wanted, config.sip.authorities)
        yield from _key("sip.private_key", config.sip.certificate, config.sip.private_key)
        if not listens:
            yield topic.warning(
                "sip.certificate",
                "is only shown to servers that we connect to, because nothing listens for tls",
                'add "tls:0.0.0.0:5061" to sip.listen, if others shall come by TLS',
            )
    if config.http is not None and config.http.certificate is not None:
        yield from _certificate("http.certificate", config.http.certificate, (), None)
        yield from _key("http.private_key", config.http.certificate, config.http.private_key)
    if not _any(config):
        yield topic.fine(
            "sip.certificate", "none is configured, so nothing is encrypted by this gateway itself"
        )


def _any(config: Config) -> bool:
    return config.sip.certificate is not None or (
        config.http is not None and config.http.certificate is not None
    )


def _certificate(
    about: str, file: Path, domains: Sequence[str], authorities: Path | None
) -> Iterator[Finding]:
    try:
        chain = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as error:
        yield topic.fault(
            about, f"{file} cannot be read: {error}", "give a file with the certificate and its chain, as PEM"
        )
        return
    first = chain[0]
    yield from _time(about, first)
    missing = [domain for domain in domains if not proves(first, ascii_domain(domain))]
    if missing:
        has = ", ".join(sip_identities(first)) or "nobody"
        yield topic.fault(
            about,
            f"is not for {', '.join(missing)}, but for {has}: servers that connect by TLS refuse it (RFC 5922)",
            "have one made with each SIP domain as a DNS name or sip: URI; wildcards prove nothing",
        )
    elif domains:
        yield topic.fine(about, f"is for {', '.join(domains)}")
    yield _chain(about, chain, authorities)


def _key(about: str, certificate: Path, key: Path | None) -> Iterator[Finding]:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=b"")
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        yield topic.fault(
            about,
            f"{key} cannot be used with {certificate}: {why}",
            "give the key that the certificate was made for, as PEM without a password",
        )


def _time(about: str, certificate: x509.Certificate) -> Iterator[Finding]:
    now = datetime.now(UTC)
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    day = ends.strftime("%Y-%m-%d")
    if now < begins:
        yield topic.fault(
            about, f"is not valid before {begins:%Y-%m-%d %H:%M} UTC", "see whether the clock is right"
        )
    elif now >= ends:
        yield topic.fault(about, f"has run out on {day}", "renew it, then: sip2xmpp reload")
    elif ends - now < SOON:
        yield topic.warning(
            about, f"runs out in {(ends - now).days} days, on {day}", "renew it, then: sip2xmpp reload"
        )
    else:
        yield topic.fine(about, f"is valid until {day}")


def _chain(about: str, chain: Sequence[x509.Certificate], authorities: Path | None) -> Finding:
    first = chain[0]
    if first.issuer == first.subject:
        return topic.warning(
            about,
            "is signed by itself, so nobody believes it who was not told to",
            "have an authority sign one, or give it to every phone and server that connects",
        )
    store = crypto.X509Store()
    # whether it is valid now is said apart
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    store.set_time(first.not_valid_before_utc.replace(tzinfo=None))
    try:
        if authorities is not None:
            store.load_locations(str(authorities))
        else:
            store.load_locations(AUTHORITIES)
    except crypto.Error:
        return topic.warning(about, "there are no authorities to compare it with", "install ca-certificates")
    context = crypto.X509StoreContext(
        store,
        crypto.X509.from_cryptography(first),
        [crypto.X509.from_cryptography(each) for each in chain[1:]],
    )
    try:
        context.verify_certificate()
    except crypto.X509StoreContextError as error:
        whose = str(authorities) if authorities is not None else "the system"
        return topic.warning(
            about,
            f"cannot be followed to an authority of {whose}: {error.args[0]}",
            "put the certificates between it and the authority into the same file, after it",
        )
    return topic.fine(about, f"can be followed to an authority, over {len(chain) - 1} between")
