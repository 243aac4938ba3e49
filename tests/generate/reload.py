"""Which keys a running gateway obeys when it reads its configuration again."""

from sip2xmpp.taking import TAKEN, restart


def after_change(table: str, name: str) -> str:
    """What a change of a key needs, as a sentence of the reference; nothing for what is below a key."""
    taking = TAKEN.get(f"{table}.{name}")
    if taking is None:
        return ""
    return "*Restart.*" if taking is restart else "*Reload.*"
