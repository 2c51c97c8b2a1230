"""`${parameter}` in texts of a playbook. Nothing else: no expressions, no nesting, no second round over the result."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from provisioner.playbook.values import as_text
from provisioner.playbook.written import Value

_REFERENCE = re.compile(r"\$\{([^${}\n]*)(\}?)")


def references(text: str) -> Iterator[tuple[str, bool]]:
    """Name of each reference, and whether it is closed."""
    for found in _REFERENCE.finditer(text):
        yield found.group(1), found.group(2) == "}"


def expand(text: str, values: Mapping[str, Value]) -> str:
    """The text with each reference replaced. A name without a value raises KeyError: checked playbooks have none."""
    return _REFERENCE.sub(lambda found: as_text(values[found.group(1)]), text)
