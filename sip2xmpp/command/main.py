"""``sip2xmpp``: parse the command line, run the verb, turn errors into one line and an exit status.

To read the modules of all verbs takes most of a second, which somebody waits for at a terminal, and again at each press of the
tabulator key.  So only the one is read whose verb is typed; all of them for help and for what is no verb.

Exit status: 0 for success, 1 when the answer is no, 2 when the command could not do its work (with the reason on
standard error), 130 when interrupted.
"""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Final, cast

from sip2xmpp import __version__
from sip2xmpp.command.arguments import FAILED, Verb
from sip2xmpp.command.parser import PROGRAM, Parser
from sip2xmpp.command.screen import printable
from sip2xmpp.config import DEFAULT_PATH, PATH_VARIABLE
from sip2xmpp.errors import ConfigError, Sip2XmppError

VERBS: Final[Mapping[str, tuple[str, ...]]] = {
    "accounts": ("user",),
    "importing": ("import",),
    "verdicts": ("allow", "confirm", "block", "polite-block", "forget", "watchers"),
    "explain": ("explain",),
    "trace": ("trace",),
    "card": ("card",),
    "contacts": ("contacts",),
    "registrations": ("registrations", "deregister"),
    "held": ("dialogs", "publications", "authorizations", "pending"),
    "watch": ("watch",),
    "publish": ("publish",),
    "inject": ("inject",),
    "permanent": ("permanent",),
    "sources": ("sources",),
    "lookup": ("lookup",),
    "mapping": ("map",),
    "status": ("status",),
    "check": ("check",),
    "overview": ("domains", "lists", "counters"),
    "tokens": ("token",),
    "audit": ("audit",),
    "reload": ("reload", "restart"),
    "completion": ("completion",),
    "teaching": ("help",),
}
"""The verbs of each module, in the order of the help."""

_NEED_ALL: Final = ("completion", "help")
"""Verbs that tell of all verbs."""


def modules(names: Iterable[str] = VERBS) -> Sequence[Verb]:
    """The modules of these names."""
    return [cast(Verb, import_module(f"{__package__}.{name}")) for name in names]


def meant(arguments: Sequence[str]) -> Sequence[str]:
    """The names of the modules that a command line needs."""
    words = list(arguments)
    while words and words[0].partition("=")[0] == "--config":
        del words[: 1 if "=" in words[0] else 2]
    if words[:1] and (words[0] not in _NEED_ALL or words[:2] == ["completion", "addresses"]):
        for name, verbs in VERBS.items():
            if words[0] in verbs:
                return (name,)
    return tuple(VERBS)


def parser(verbs: Sequence[Verb] = ()) -> Parser:
    """The command line with these verbs, or with all."""
    made = Parser(
        prog=PROGRAM,
        description="A presence gateway between SIP and XMPP: ask it, feed it, and keep its accounts.",
        epilog="The gateway itself is started with: twistd -n sip2xmpp --config FILE",
    )
    made.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    made.add_argument(
        "--config",
        metavar="FILE",
        type=Path,
        default=Path(os.environ.get(PATH_VARIABLE) or DEFAULT_PATH),
        help=f"the gateway's configuration (default: ${PATH_VARIABLE}, or {DEFAULT_PATH})",
    )
    subparsers = made.add_subparsers(metavar="VERB", required=True)
    for verb in verbs or modules():
        verb.add_parser(subparsers)
    made.set_defaults(root=made)
    return made


def main(arguments: Sequence[str] | None = None, verbs: Sequence[Verb] = ()) -> int:
    """Run the command; ``arguments`` are those of the process unless given, and ``verbs`` those that there are."""
    if isinstance(sys.stdout, TextIOWrapper):
        # a terminal that cannot show a letter is no reason to say nothing
        sys.stdout.reconfigure(errors="backslashreplace")
    words = sys.argv[1:] if arguments is None else arguments
    parsed = parser(verbs or modules(meant(words))).parse_args(words)
    try:
        ended: int = parsed.run(parsed)
        sys.stdout.flush()
    except Sip2XmppError as error:
        for line in error.faults if isinstance(error, ConfigError) else [str(error)]:
            print(f"{PROGRAM}: {printable(line) or type(error).__name__}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        # whoever read our output has seen enough
        _drop_output()
        return FAILED
    except OSError as error:
        _drop_output()
        print(f"{PROGRAM}: {error.filename or 'input or output'}: {error.strerror or error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 130
    return ended


def _drop_output() -> None:
    """Write nothing more; Python would complain when it flushes at exit, and end with a status of its own."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
