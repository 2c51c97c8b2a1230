"""Killed with SIGKILL at every point there is, then resumed: nothing twice, nothing lost, nothing left behind."""

from __future__ import annotations
