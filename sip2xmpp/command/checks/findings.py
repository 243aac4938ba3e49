"""What a check finds: how bad it is, what it is about, what it means and what to do."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from sip2xmpp.config import Config
from sip2xmpp.sip.dns import Dns


class Level(Enum):
    """How bad it is; the value is what is printed."""

    FAULT = "fault"
    WARNING = "warning"
    FINE = "fine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``about`` is a key of the configuration or the name of a thing; ``do`` is empty for what is fine."""

    level: Level
    topic: str
    about: str
    told: str
    do: str = ""

    def as_json(self) -> dict[str, str]:
        """As scripts get it."""
        return {
            "level": self.level.value,
            "topic": self.topic,
            "about": self.about,
            "told": self.told,
            "do": self.do,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """Makes the findings of one part."""

    name: str

    def fault(self, about: str, told: str, do: str) -> Finding:
        """It does not work."""
        return Finding(level=Level.FAULT, topic=self.name, about=about, told=told, do=do)

    def warning(self, about: str, told: str, do: str) -> Finding:
        """It works, and something bites some day."""
        return Finding(level=Level.WARNING, topic=self.name, about=about, told=told, do=do)

    def fine(self, about: str, told: str) -> Finding:
        """It is as it should be."""
        return Finding(level=Level.FINE, topic=self.name, about=about, told=told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What every check may know.

    ``process`` is the gateway that uses the state file, if there is one; ``health`` is what the gateway says of itself, or None
    where it does not answer.  ``file`` is the configuration, of which secrets have been read from files beside it.
    """

    config: Config
    file: Path
    dns: Dns
    reactor: Any
    process: int | None
    health: dict[str, Any] | None

    @property
    def is_running(self) -> bool:
        """Whether a gateway with this configuration runs."""
        return self.process is not None or self.health is not None
