"""Taking over another configuration while everything goes on.

``taking`` says for every key how it is taken over.  All that is needed is made before the first change is put in force, so that a
fault leaves everything as it was; and what is in force afterwards, the old keys that wait for a restart with the new ones, must make
sense together as well.

Certificates are read again at each reload whether or not the key is another one: those who renew them keep the name of the file.
"""

from dataclasses import fields, replace
from typing import Any

from twisted.logger import Logger

from sip2xmpp.config import Config, contradictions
from sip2xmpp.errors import ConfigError
from sip2xmpp.portal.controls import Reloaded
from sip2xmpp.sip_side import sip_tls
from sip2xmpp.taking import TAKEN, Apply, Running, Taking, http_tls, restart

_log = Logger()
_applying = _log.failureHandler("while a part of the configuration was taken over")


class Reloading:
    """The configuration that is in force, and how another one gets there."""

    def __init__(self, running: Running, config: Config) -> None:
        self._running = running
        self.config = config

    def take(self, wanted: Config) -> Reloaded:
        """Put in force what can be; raises ``ConfigError`` with every fault, and changes nothing then."""
        changed = changed_keys(self.config, wanted)
        changed += [key for key in self._renewed(wanted) if key not in changed]
        applied: dict[Taking, Apply | None] = {}
        faults: list[str] = []
        for key in changed:
            taking = TAKEN.get(key, restart)
            if taking not in applied:
                try:
                    applied[taking] = taking(self._running, wanted)
                except ConfigError as error:
                    applied[taking] = None
                    faults += error.faults
        taken = [key for key in changed if applied[TAKEN.get(key, restart)] is not None]
        in_force = merged(self.config, wanted, taken)
        faults += [
            f"{fault}, until a restart takes over the rest of the file"
            for fault in contradictions(in_force)
            if not faults
        ]
        if faults:
            raise ConfigError(faults)
        done: set[Taking] = set()
        for taking, apply in applied.items():
            # what breaks does not keep the rest from being taken over, and the next reload tries it again
            with _applying:
                if apply is not None:
                    apply()
                    done.add(taking)
        taken = [key for key in taken if TAKEN.get(key, restart) in done]
        self.config = merged(self.config, wanted, taken)
        portal = self._running.parts.portal
        if portal is not None:
            portal.operating.show(self.config)
        return Reloaded(taken=taken, waiting=[key for key in changed if key not in taken])

    def _renewed(self, wanted: Config) -> list[str]:
        """Certificates that are others in a file of the same name."""
        found = []
        for key, made, held in (
            ("sip.certificate", sip_tls(wanted.sip), self._running.parts.tls),
            ("http.certificate", http_tls(wanted), self._running.http_tls),
        ):
            if made.made_of != held.made_of:
                found.append(key)
        return found


def changed_keys(old: Config, new: Config) -> list[str]:
    """The keys with other values; a leg that comes or goes is named by its table."""
    found = []
    for table in fields(Config):
        before, after = getattr(old, table.name), getattr(new, table.name)
        if (before is None) is not (after is None):
            found.append(table.name)
        elif before is not None:
            found += [
                f"{table.name}.{key.name}"
                for key in fields(before)
                if getattr(before, key.name) != getattr(after, key.name)
            ]
    return found


def merged(old: Config, new: Config, keys: list[str]) -> Config:
    """The old configuration with these keys of the new one."""
    tables: dict[str, dict[str, Any]] = {}
    for name in keys:
        table, _, key = name.partition(".")
        tables.setdefault(table, {})[key] = getattr(getattr(new, table), key)
    return replace(old, **{name: replace(getattr(old, name), **values) for name, values in tables.items()})
