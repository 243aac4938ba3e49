"""``sip2xmpp token``: tokens of the API, beside those of the configuration.

Works on the state file, with the gateway running or stopped; a running one knows a token, or does not know it any more, within a
second.  The token itself is printed once and kept nowhere.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from typing import Final

from sip2xmpp.command.arguments import NOT_AS_WISHED, OK, Subparsers, add_json, configuration, say
from sip2xmpp.command.deeds import BY, login_name, record
from sip2xmpp.command.parser import Group
from sip2xmpp.command.screen import Column
from sip2xmpp.command.stating import seconds
from sip2xmpp.command.tables import left, moment, print_rows
from sip2xmpp.config import Config
from sip2xmpp.errors import BadInput
from sip2xmpp.portal.operating_tokens import (
    GRANTS,
    NewToken,
    TokenRow,
    make_grant,
    making_told,
    revoking_told,
    token_row,
)
from sip2xmpp.portal.rows import told
from sip2xmpp.portal.tokens import COMMAND, Right
from sip2xmpp.store.offline import offline

_COLUMNS: Final[Mapping[Column, Callable[[TokenRow], object]]] = {
    Column(heading="NAME"): lambda row: row.name,
    Column(heading="MAY", rank=1): lambda row: ",".join(row.may),
    Column(heading="ADDRESSES", rank=2): lambda row: ",".join(row.addresses),
    Column(heading="LEFT", rank=1): lambda row: left(row.expires_at),
    Column(heading="MADE (UTC)", rank=4): lambda row: moment(row.made_at),
    Column(heading="MADE BY", rank=3): lambda row: "configuration" if row.configured else row.made_by,
}


def add_parser(subparsers: Subparsers) -> None:
    """Add ``token`` with its verbs."""
    parser = subparsers.add_parser(
        "token",
        help="list, make and revoke tokens of the API",
        group=Group.GATEWAY,
        description="Programs use the HTTP API with a token, which has a name, rights and the addresses it is for. Tokens are in the "
        "configuration, or made here while the gateway runs or is stopped.",
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    listing = verbs.add_parser(
        "list",
        help="list them, never the secret",
        description="Lists all tokens with what each may do, those of the configuration too.",
        examples=(("sip2xmpp token list", "all of them"),),
    )
    add_json(listing, "print a JSON array")
    listing.set_defaults(run=show)
    adding = verbs.add_parser(
        "add",
        help="make one; it is shown once",
        description="Makes a token and prints it, this once: only a hash of it is kept. It can be used within a second.",
        examples=(
            (
                "sip2xmpp token add roof --may publish --for weather@sip.example.org",
                "for a weather station on the roof",
            ),
            (
                "sip2xmpp token add grafana --may observe --for '*@*' --lifetime 30d",
                "for a month, sees what operators see",
            ),
        ),
    )
    adding.add_argument("name", metavar="NAME", help="what the audit log calls it")
    adding.add_argument(
        "--may",
        action="append",
        required=True,
        choices=[each.value for each in Right],
        help="a right; may be repeated",
    )
    adding.add_argument(
        "--for",
        dest="addresses",
        action="append",
        required=True,
        metavar="ADDRESS",
        help="an address, or a pattern with * and ?; may be repeated. *@* is everybody",
    )
    adding.add_argument(
        "--lifetime", metavar="SPAN", help="as in 90s, 15m, 12h or 30d; without, until it is revoked"
    )
    add_json(adding, "print the token as a JSON object")
    adding.set_defaults(run=add)
    revoking = verbs.add_parser(
        "revoke",
        help="let one be known no more",
        description="Revokes a token that was made here or by an operator. One of the configuration is removed there.",
        examples=(("sip2xmpp token revoke roof", "whoever still has it is refused within a second"),),
        no="no such token was made",
    )
    revoking.add_argument("name", metavar="NAME", help="as it is listed")
    add_json(revoking, "print the token as a JSON object")
    revoking.set_defaults(run=revoke)


def show(arguments: argparse.Namespace) -> int:
    """List them."""
    config = configuration(arguments)
    with offline(config.gateway.state) as store:
        grants = store.grants.all()
    made = [
        token_row(grant) for grant in grants if grant.expires_at is None or grant.expires_at > time.time()
    ]
    rows = [*_configured(config), *sorted(made, key=lambda row: row.name)]
    print_rows(arguments, rows, _COLUMNS, none="there are no tokens")
    return OK


def add(arguments: argparse.Namespace) -> int:
    """Make one."""
    config = configuration(arguments)
    rights = [Right(word) for word in arguments.may]
    now = time.time()
    grant, secret = make_grant(
        now,
        arguments.name,
        addresses=arguments.addresses,
        may=rights,
        made_by=f"{login_name()} ({BY})",
        lifetime=None if arguments.lifetime is None else int(seconds(arguments.lifetime)),
    )
    with offline(config.gateway.state) as store:
        live = [each for each in store.grants.all() if each.expires_at is None or each.expires_at > now]
        if grant.name in {COMMAND, *(row.name for row in _configured(config)), *(each.name for each in live)}:
            raise BadInput(f"there is a token {grant.name} already")
        if len(live) >= GRANTS:
            raise BadInput(f"{GRANTS} tokens were made already; revoke one that nobody needs")
        store.grants.put(grant)
        record(store, making_told(token_row(grant)))
    say(arguments, secret, told(NewToken(token=token_row(grant), secret=secret)))
    return OK


def revoke(arguments: argparse.Namespace) -> int:
    """Let one be known no more; 1 if it was not made."""
    config = configuration(arguments)
    with offline(config.gateway.state) as store:
        grant = store.grants.get(arguments.name)
        if grant is not None:
            store.grants.remove(grant.key)
            record(store, revoking_told(grant.name))
    if grant is None:
        configured = any(row.name == arguments.name for row in _configured(config))
        why = "is in the configuration: remove it there, and reload" if configured else "was not made"
        say(arguments, f"the token {arguments.name} {why}", None)
        return NOT_AS_WISHED
    say(arguments, f"{grant.name} revoked", told(token_row(grant)))
    return OK


def _configured(config: Config) -> list[TokenRow]:
    tokens = {} if config.http is None else config.http.tokens
    return [
        TokenRow(
            name=name,
            addresses=each.addresses,
            may=tuple(right.value for right in each.may),
            configured=True,
            made_by="",
            made_at=None,
            expires_at=None,
        )
        for name, each in tokens.items()
    ]
