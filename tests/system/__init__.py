"""Tests of the whole chain: the command line, the real protocols and a sandbox in a process of its own."""

from __future__ import annotations
