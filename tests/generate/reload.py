"""Which keys a running gateway obeys when it reads its configuration again."""


def after_change(table: str, name: str) -> str:
    """What a change of a key needs, as a sentence of the reference."""
    return ""
