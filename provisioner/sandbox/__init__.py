"""A simulated tenant on loopback. Stands aside: shares no code with the client (catalogue data aside)."""

from __future__ import annotations
