"""The life of a secret: one pure decision (`next_step`) and the hands that carry it out (`drive`).

A secret is shown once. So its intent is written before it is minted, its value is stored before anything else may
fail, and nothing is ever removed automatically but what this very sink intended and does not hold.
"""

from __future__ import annotations

from provisioner.custody.drive import Custodian, DriveResult, Terms, drive
from provisioner.custody.next_step import Goal, Situation, next_step

__all__ = ["Custodian", "DriveResult", "Goal", "Situation", "Terms", "drive", "next_step"]
