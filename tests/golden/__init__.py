"""Golden end states, written from the vendors' guides and never from the tool's output, and their matcher."""

from __future__ import annotations
