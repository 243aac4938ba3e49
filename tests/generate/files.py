"""Which files are generated, and from what."""

from pathlib import Path

from tests.generate.command_line import command_line
from tests.generate.manual import command_manual, configuration_manual
from tests.generate.reference import reference

ETC = Path(__file__).resolve().parent.parent.parent / "etc"


def generated() -> dict[Path, str]:
    """The text of each file, as the code has it now."""
    sample = (ETC / "sip2xmpp.toml").read_text("utf-8")
    return {
        ETC / "doc" / "configuration.rst": reference(sample),
        ETC / "doc" / "command-line.rst": command_line(),
        ETC / "sip2xmpp.1": command_manual(),
        ETC / "sip2xmpp.toml.5": configuration_manual(sample),
    }
