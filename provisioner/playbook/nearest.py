"""The nearest known name, for whoever mistyped one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from provisioner.playbook.hidden import shown


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """`did you mean 'server'?`, or None where nothing known looks like the word."""
    by_folded = {each.casefold(): each for each in known}
    found = difflib.get_close_matches(word[:80].casefold(), by_folded, n=1, cutoff=0.6)
    return f"did you mean {shown(by_folded[found[0]])}?" if found else None
