"""Who may see and do what on the pages of operators."""

from collections.abc import Mapping
from enum import Enum

from sip2xmpp.address import Address


class Role(Enum):
    """What a user of ours is beside being one; each may do what those before it may.

    ``VIEWER`` sees everything that operators see, ``HELPDESK`` keeps accounts as well, and ``OPERATOR`` may do everything.
    """

    VIEWER = "viewer"
    HELPDESK = "helpdesk"
    OPERATOR = "operator"

    def includes(self, other: "Role") -> bool:
        """Whether whoever has this role may do what ``other`` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class Roles:
    """What users are beside being users; another configuration may say otherwise."""

    def __init__(self, roles: Mapping[str, Role]) -> None:
        self._roles = dict(roles)

    def replace(self, roles: Mapping[str, Role]) -> None:
        """From now on it is so."""
        self._roles = dict(roles)

    def of(self, address: Address) -> Role | None:
        """The role of a user, if there is one."""
        return self._roles.get(str(address))
