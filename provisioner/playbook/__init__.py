"""Playbooks: what one vendor's product needs in a tenant, as YAML; the only room that knows the format.

`find` leads from a name or path to a text, `load` from a text to a checked `Playbook` (all faults at once, with file,
line and column), `parameters` from what a person gave to typed values, `declare` to the desired side of one onboarding.
Names, not code: nothing in a playbook is ever executed or imported.
"""

from __future__ import annotations

from provisioner.playbook.bundle import Summary, bundled, find
from provisioner.playbook.declaring import declare
from provisioner.playbook.loading import load, read_file
from provisioner.playbook.values import parameters
from provisioner.playbook.written import Parameter, Playbook, Value, Variant

__all__ = [
    "Parameter",
    "Playbook",
    "Summary",
    "Value",
    "Variant",
    "bundled",
    "declare",
    "find",
    "json_schema",
    "load",
    "parameters",
    "read_file",
]


def json_schema() -> str:
    """The JSON Schema (2020-12) of a playbook file, for editors."""
    from provisioner.playbook import schema

    return schema.json_schema()
