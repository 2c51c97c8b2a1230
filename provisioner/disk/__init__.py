"""Writing files that must survive anything: whole or not at all, for the owner alone, one writer at a time."""

from __future__ import annotations
