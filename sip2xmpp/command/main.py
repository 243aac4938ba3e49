"""``sip2xmpp``: parse the command line, run the verb, turn errors into one line and an exit status.

Exit status: 0 for success, 1 when the answer is no, 2 when the command could not do its work (with the reason on
standard error), 130 when interrupted.
"""

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from sip2xmpp import __version__
from sip2xmpp.command import (
    accounts,
    audit,
    card,
    check,
    completion,
    contacts,
    explain,
    held,
    importing,
    inject,
    lookup,
    mapping,
    overview,
    permanent,
    publish,
    registrations,
    reload,
    sources,
    status,
    teaching,
    tokens,
    trace,
    verdicts,
    watch,
)
from sip2xmpp.command.arguments import FAILED, Verb
from sip2xmpp.command.parser import PROGRAM, Parser
from sip2xmpp.command.screen import printable
from sip2xmpp.config import DEFAULT_PATH, PATH_VARIABLE
from sip2xmpp.errors import ConfigError, Sip2XmppError

VERBS: Sequence[Verb] = (
    accounts,
    importing,
    verdicts,
    explain,
    trace,
    card,
    contacts,
    registrations,
    held,
    watch,
    publish,
    inject,
    permanent,
    sources,
    lookup,
    mapping,
    status,
    check,
    overview,
    tokens,
    audit,
    reload,
    completion,
    teaching,
)


def parser(verbs: Sequence[Verb] = VERBS) -> Parser:
    """The command line with all its verbs."""
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
    for verb in verbs:
        verb.add_parser(subparsers)
    made.set_defaults(root=made)
    return made


def main(arguments: Sequence[str] | None = None, verbs: Sequence[Verb] = VERBS) -> int:
    """Run the command; ``arguments`` are those of the process unless given."""
    if isinstance(sys.stdout, TextIOWrapper):
        # a terminal that cannot show a letter is no reason to say nothing
        sys.stdout.reconfigure(errors="backslashreplace")
    parsed = parser(verbs).parse_args(arguments)
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
