"""What is on the HTTP port beside XCAP, built and joined: tokens, the API, the audit log; see ``assembly``."""

from dataclasses import dataclass
from typing import Any

from sip2xmpp.config import Config
from sip2xmpp.operating_side import OperatingSide, Seen, operating_side
from sip2xmpp.own_side import OwnSide
from sip2xmpp.portal.api import Api
from sip2xmpp.portal.audit import Audit
from sip2xmpp.portal.contacts import Contacts
from sip2xmpp.portal.controls import Controls
from sip2xmpp.portal.deciding import Deciding
from sip2xmpp.portal.explanations import Explanations
from sip2xmpp.portal.meanings import Meanings
from sip2xmpp.portal.site import BODY
from sip2xmpp.portal.sources import Sources
from sip2xmpp.portal.stating import Stating
from sip2xmpp.portal.tokens import COMMAND, EVERYBODY, Right, Token, Tokens, command_token, digest_of
from sip2xmpp.presence.directory import Directory
from sip2xmpp.store.interface import Store
from sip2xmpp.watching_side import WatchingSide
from sip2xmpp.xcap.documents import Documents


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalSide:
    """What programs and people use over HTTP."""

    api: Api
    audit: Audit
    controls: Controls
    operating: OperatingSide
    watching: WatchingSide


def tokens_of(config: Config, secret: bytes) -> list[Token]:
    """The tokens of programs in the configuration, and that of the command, which is made of ``secret``."""
    command = Token(
        name=COMMAND,
        digest=digest_of(command_token(secret)),
        addresses=(EVERYBODY,),
        may=frozenset(Right),
    )
    if config.http is None:
        return [command]
    return [
        command,
        *(
            Token(name=name, digest=digest_of(each.token), addresses=each.addresses, may=frozenset(each.may))
            for name, each in config.http.tokens.items()
        ),
    ]


def tokens(config: Config, store: Store, reactor: Any, secret: bytes) -> Tokens:
    """All tokens, those included that operators make while the gateway runs."""
    a_minute = 1 if config.http is None else config.http.requests
    return Tokens(tokens_of(config, secret), reactor, a_minute=a_minute, grants=store.grants)


def portal_side(
    config: Config,
    store: Store,
    reactor: Any,
    *,
    own: OwnSide,
    known: Tokens,
    directory: Directory,
    documents: Documents,
    seen: Seen,
    watching: WatchingSide,
) -> PortalSide | None:
    """None where there is no port for it."""
    if config.http is None:
        return None
    exists = own.addresses.exists
    sources = Sources(own.presence, own.statements, store, reactor)
    contacts = Contacts(documents, Meanings(own.policies.addressing, directory), exists=exists)
    audit = Audit(store, reactor)
    controls = Controls()
    deciding = Deciding(store, own.watchers, exists, reactor)
    operating = operating_side(
        config,
        store,
        reactor,
        own=own,
        directory=directory,
        tokens=known,
        audit=audit,
        deciding=deciding,
        seen=seen,
    )
    api = Api(
        [
            *Stating(own.statements, sources, reactor).operations(),
            *deciding.operations(),
            *Explanations(own.explaining, exists).operations(),
            *contacts.operations(),
            *controls.operations(),
            *operating.operations(),
            *watching.operations(),
        ],
        known,
        serves=lambda domain: domain in own.addresses.domains,
        body=BODY,
        audit=audit,
    )
    return PortalSide(api=api, audit=audit, controls=controls, operating=operating, watching=watching)
