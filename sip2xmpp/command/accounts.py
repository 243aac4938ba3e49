"""``sip2xmpp user``: the accounts of our own SIP domains.

Works on the state file, with the gateway running or stopped; a running gateway sees a change within a second.  Of a
password only digest hashes are kept, so it can be replaced and not shown.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from sip2xmpp.address import Address
from sip2xmpp.command.arguments import (
    NOT_AS_WISHED,
    OK,
    Subparsers,
    add_json,
    any_address,
    ask_password,
    configuration,
    own_address,
    say,
)
from sip2xmpp.command.deeds import record
from sip2xmpp.command.parser import Group
from sip2xmpp.command.screen import Column, print_table
from sip2xmpp.errors import BadInput, NoSuchPresentity
from sip2xmpp.portal.operating_users import is_live, sessions_told
from sip2xmpp.store.accounts import make_account, with_password
from sip2xmpp.store.offline import OfflineStore, offline
from sip2xmpp.store.records import Account, Side
from sip2xmpp.store.removal import end_sessions, remove_user


def add_parser(subparsers: Subparsers) -> None:
    """Add ``user`` with its verbs."""
    user = subparsers.add_parser(
        "user",
        help="add, list, change and remove accounts of our SIP domains",
        group=Group.ACCOUNTS,
        description="The accounts of our own SIP domains: who may register, publish and watch with a password. Works with the "
        "gateway running or stopped; a running one sees a change within a second.",
    )
    verbs = user.add_subparsers(metavar="VERB", required=True)
    for name, run, told, description, examples in _CHANGES:
        parser = verbs.add_parser(name, help=told, description=description, examples=examples)
        parser.add_argument("address", metavar="ADDRESS", help="as in alice@sip.example.org")
        if name == "sign-out":
            parser.no = "nobody was signed in"
        add_json(parser, "print the account as a JSON object")
        parser.set_defaults(run=run)
    parser = verbs.add_parser(
        "list",
        help="list all accounts",
        description="All accounts by domain and name, each with whether it is disabled; on a terminal and as JSON also with how many "
        "devices are registered, and the role on the pages of operators.",
        examples=(
            ("sip2xmpp user list", "everybody who has an account, one on each line"),
            ("sip2xmpp user list --json", "the same for a script"),
        ),
    )
    add_json(parser, "print a JSON array")
    parser.set_defaults(run=show)


def add(arguments: argparse.Namespace) -> int:
    """Add an account that does not exist yet."""
    config = configuration(arguments)
    address = own_address(arguments.address, config)
    if ":" in address.local:
        raise BadInput("digest has no user names with a colon")

    def check(store: OfflineStore) -> None:
        if store.accounts.get(str(address)) is not None:
            raise BadInput(f"{address} has an account already; to set its password: user password {address}")

    with offline(config.gateway.state) as store:
        check(store)
    account = make_account(address, ask_password(f"Password of {address}: "))
    with offline(config.gateway.state) as store:
        check(store)
        store.accounts.put(account)
        record(store, "add the account", address)
    say(arguments, f"{address} added", _told(account))
    return OK


def password(arguments: argparse.Namespace) -> int:
    """Ask for another password."""
    config = configuration(arguments)
    address = own_address(arguments.address, config)
    with offline(config.gateway.state) as store:
        _account(store, address)
    given = ask_password(f"New password of {address}: ")
    with offline(config.gateway.state) as store:
        account = with_password(_account(store, address), given)
        store.accounts.put(account)
        end_sessions(store, address)
        record(store, "set another password", address)
    say(arguments, f"password of {address} changed", _told(account))
    return OK


def disable(arguments: argparse.Namespace) -> int:
    """Let nobody use an account."""
    return _change(arguments, lambda account: replace(account, disabled=True), "disabled")


def enable(arguments: argparse.Namespace) -> int:
    """Let a disabled account be used."""
    return _change(arguments, lambda account: replace(account, disabled=False), "enabled")


def remove(arguments: argparse.Namespace) -> int:
    """Remove an account; the next owner of the address starts with nothing of this one."""
    config = configuration(arguments)
    # An account may outlive its domain in the configuration; it can still be removed.
    address = any_address(arguments.address)
    with offline(config.gateway.state) as store:
        _account(store, address)
        done = remove_user(store, address)
        for held in store.authorizations.all():
            # a running gateway tells the contacts as well
            if held.side is Side.SIP_WATCHES and held.watcher == address:
                store.authorizations.remove(held.key)
        record(store, done, address)
    say(arguments, f"{address} removed", {"address": str(address)})
    return OK


def sign_out(arguments: argparse.Namespace) -> int:
    """End all sessions of somebody on the pages."""
    config = configuration(arguments)
    address = any_address(arguments.address)
    with offline(config.gateway.state) as store:
        account = _account(store, address)
        ended = end_sessions(store, address)
        if ended:
            record(store, sessions_told(ended), address)
    say(arguments, f"{address} signed out" if ended else f"{address} was not signed in", _told(account))
    return OK if ended else NOT_AS_WISHED


def show(arguments: argparse.Namespace) -> int:
    """List all accounts by address."""
    config = configuration(arguments)
    roles = {} if config.http is None else config.http.roles
    with offline(config.gateway.state) as store:
        accounts = sorted(
            store.accounts.all(), key=lambda account: (account.address.domain, account.address.local)
        )
        devices = Counter(
            binding.aor
            for binding in store.bindings.all()
            if is_live(binding) and binding.expires_at > time.time()
        )
    rows = [
        {
            **_told(account),
            "devices": devices[account.address],
            "role": roles[account.key].value if account.key in roles else "",
        }
        for account in accounts
    ]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return OK
    table = [
        [str(row["address"]), "disabled" if row["disabled"] else "", str(row["devices"]), str(row["role"])]
        for row in rows
    ]
    print_table(COLUMNS, table, [" ".join(filter(None, row[:2])) for row in table])
    return OK


def _change(arguments: argparse.Namespace, change: Callable[[Account], Account], told: str) -> int:
    config = configuration(arguments)
    address = own_address(arguments.address, config)
    with offline(config.gateway.state) as store:
        account = change(_account(store, address))
        store.accounts.put(account)
        if account.disabled:
            end_sessions(store, address)
        record(store, "disable the account" if account.disabled else "enable the account", address)
    say(arguments, f"{address} {told}", _told(account))
    return OK


def _account(store: OfflineStore, address: Address) -> Account:
    account = store.accounts.get(str(address))
    if account is None:
        raise NoSuchPresentity(f"{address} has no account")
    return account


def _told(account: Account) -> dict[str, object]:
    """An account as scripts get it."""
    return {"address": account.key, "disabled": account.disabled}


COLUMNS = (
    Column(heading="ADDRESS"),
    Column(heading="STATE"),
    Column(heading="DEVICES", right=True, rank=1),
    Column(heading="ROLE", rank=2),
)

_CHANGES = (
    (
        "add",
        add,
        "add an account; the password is asked for, or one line of standard input",
        "Makes an account with a password. Of the password only digest hashes are kept.",
        (
            ("sip2xmpp user add alice@sip.example.org", "asks for the password, twice"),
            ("pwgen 20 1 | sip2xmpp user add bob@sip.example.org", "takes one line of standard input"),
        ),
    ),
    (
        "password",
        password,
        "set another password",
        "Replaces the password of an account; the old one is of no use from then on.",
        (("sip2xmpp user password alice@sip.example.org", "asks for the new password, twice"),),
    ),
    (
        "disable",
        disable,
        "keep an account and let nobody use it",
        (
            "Lets nobody use an account, and keeps everything that belongs to it. For somebody who is away for long, or "
            "whose password may be known to others."
        ),
        (("sip2xmpp user disable alice@sip.example.org", "until it is enabled again"),),
    ),
    (
        "enable",
        enable,
        "let a disabled account be used again",
        "Lets the owner of a disabled account use it again, with the password it had.",
        (("sip2xmpp user enable alice@sip.example.org", "and she can register again"),),
    ),
    (
        "sign-out",
        sign_out,
        "sign somebody out of the pages everywhere",
        "Ends all sessions of a user in browsers; the password stays as it is. A running gateway does it within a second.",
        (("sip2xmpp user sign-out alice@sip.example.org", "she has to sign in again"),),
    ),
    (
        "remove",
        remove,
        "remove an account with all that is kept of its owner",
        (
            "Removes an account with the rules, lists, decisions, statements and the card of its owner, and ends what is "
            "registered, as well as what contacts permitted to the owner and tokens for the address. The next owner of the address starts with nothing of this one."
        ),
        (("sip2xmpp user remove alice@sip.example.org", "cannot be undone"),),
    ),
)
"""Name of the verb, what it does, and how it is taught."""
