"""Sets up a vendor's product in a Microsoft Entra tenant from a playbook, and proves it."""

from __future__ import annotations
