"""The XCAP server, built and joined: the part of the composition root around the documents of users; see ``assembly``."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sip2xmpp.address import Address
from sip2xmpp.config import Config
from sip2xmpp.documents.watcherinfo import Status
from sip2xmpp.events.package import EventPackage
from sip2xmpp.events.xcap_diff import XcapDiffPackage
from sip2xmpp.events.xcap_selection import Places
from sip2xmpp.own_side import OwnSide
from sip2xmpp.policy_side import xcap_root
from sip2xmpp.portal.document_tokens import DocumentTokens
from sip2xmpp.portal.tokens import Tokens
from sip2xmpp.presence.kept_pictures import may_see_picture
from sip2xmpp.presence.watcher_info import WatcherInfo
from sip2xmpp.settings import Authentication as Proof
from sip2xmpp.settings import Pictures
from sip2xmpp.store.accounts import hashes_of, offered_by
from sip2xmpp.store.interface import Store
from sip2xmpp.xcap.authentication import Authentication, HttpDigest, NoAuthentication
from sip2xmpp.xcap.documents import DocumentLimits, Documents
from sip2xmpp.xcap.generated import Generated, Watcher
from sip2xmpp.xcap.resource import Rules, Xcap
from sip2xmpp.xcap.services import ServiceConstraints
from sip2xmpp.xcap.usages import usage_named


@dataclass(frozen=True, slots=True, kw_only=True)
class XcapSide:
    """The documents; ``resource`` is None where there is no port for it, or no domain whose users could have any."""

    documents: Documents
    resource: Xcap | None


def document_limits(config: Config) -> DocumentLimits:
    """How much users may keep."""
    return DocumentLimits(documents=config.xcap.documents, octets=config.xcap.octets, total=config.xcap.total)


def kept_documents(config: Config, store: Store, reactor: Any, *, own: OwnSide) -> Documents:
    """The documents of a store, with everything that is asked of one before it is kept."""
    addresses = own.addresses
    return Documents(
        store,
        clock=reactor,
        exists=addresses.exists,
        limits=document_limits(config),
        constraints=[
            ServiceConstraints(
                store.documents,
                serves=lambda domain: domain in addresses.domains,
                is_taken=lambda address: addresses.is_taken(address) or own.policies.lists.is_global(address),
                root=xcap_root(config),
            )
        ],
    )


def xcap_side(
    config: Config, store: Store, reactor: Any, *, own: OwnSide, tokens: Tokens, secret: bytes
) -> XcapSide:
    """The documents and their server.  ``secret`` is what nonces are made with."""
    addresses, root = own.addresses, xcap_root(config)
    documents = kept_documents(config, store, reactor, own=own)
    addresses.listen(documents.existence_changed)
    if config.http is None or not config.sip.domains:
        return XcapSide(documents=documents, resource=None)
    programs = DocumentTokens(tokens)
    authentication: Authentication = NoAuthentication(programs)
    if config.sip.authentication is not Proof.NONE:
        authentication = HttpDigest(
            lambda username, realm: hashes_of(store.accounts, username, realm),
            programs,
            secret=secret,
            clock=reactor,
            realms=addresses.domains,
            algorithms=config.xcap.digest,
            offered=offered_by(store.accounts),
        )
    resource = Xcap(
        documents,
        Generated(store.documents, root=root, watchers=lambda address: _watchers(own.watchers, address)),
        authentication,
        Rules(
            domains=addresses.domains,
            exists=addresses.exists,
            may_see_picture=lambda owner, who: (
                config.xcap.pictures is Pictures.ANYBODY or may_see_picture(own.policy, owner, who)
            ),
        ),
        clock=reactor,
        path=urlsplit(root).path,
    )
    return XcapSide(documents=documents, resource=resource)


def xcap_events(config: Config, store: Store, reactor: Any, *, own: OwnSide) -> list[EventPackage]:
    """The package in which users' devices hear of changes; none where documents cannot be changed."""
    if config.http is None or not config.sip.domains:
        return []

    def called(auid: str) -> tuple[str, str] | None:
        usage = usage_named(auid)
        return None if usage is None else (usage.auid, usage.namespace)

    package = XcapDiffPackage(
        store=store,
        clock=reactor,
        exists=own.addresses.exists,
        places=Places(
            root=f"{xcap_root(config).rstrip('/')}/",
            usage=called,
            domains=own.addresses.domains,
        ),
    )
    own.addresses.listen(package.existence_changed)
    return [package]


def _watchers(watchers: WatcherInfo, address: Address) -> list[Watcher]:
    return [
        Watcher(
            uri=row.watcher.sip_uri(),
            status=row.status.value,
            is_online=row.status in (Status.ACTIVE, Status.PENDING),
        )
        for row in watchers.rows(address)
    ]
