"""Bad input and bad days: each ends with a clear error, loses nothing, and can be resumed."""

from __future__ import annotations
