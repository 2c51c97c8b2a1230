"""Bugs on purpose: each of them must turn the suite red, or the suite does not guard what it says it guards."""

from __future__ import annotations
