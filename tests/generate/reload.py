"""Which keys a running gateway obeys when it reads its configuration again."""

from sip2xmpp import reloading


def after_change(table: str, name: str) -> str:
    """What a change of a key needs, as a sentence of the reference; nothing for what is below a key."""
    taking = reloading.TAKEN.get(f"{table}.{name}")
    if taking is None:
        return ""
    return "*Restart.*" if taking is reloading._restart else "*Reload.*"
