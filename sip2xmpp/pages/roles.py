"""Who may see and do what on the pages of operators."""

from enum import Enum


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
