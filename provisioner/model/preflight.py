"""What a look at a tenant shows beside the declared things: what would keep a product from working, and who can help.

A finding changes nothing by itself. What it stands for is somebody else's: a mailbox, a licence, a policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much it matters."""

    STOPS = "stops"
    """As things are, the product will not work."""
    WARNS = "warns"
    """It may not work, or not for long, or not as somebody thinks."""
    NOT_SEEN = "not-seen"
    """Nobody looked, or nobody was let. It never means "fine"."""


@dataclass(frozen=True)
class Finding:
    """One thing found beforehand."""

    name: str
    """A stable identifier: `mailbox_missing`, `conditional_access`, ..."""
    severity: Severity
    about: str
    """A mailbox, an account, a policy, or the tenant."""
    what: str
    why: str
    """Why it matters, and what to do."""
    who_can: tuple[str, ...] = ()
    """Roles that can change it, or can look."""
