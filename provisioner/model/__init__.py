"""Frozen data that every layer speaks: no I/O, no third-party library, nothing that can fail."""

from __future__ import annotations
