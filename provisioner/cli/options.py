"""Options that several commands share, each said once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Optional

import typer


class OutputForm(StrEnum):
    """How results are shown."""

    TERMINAL = "terminal"
    JSON = "json"
    MARKDOWN = "markdown"


class OnlyPart(StrEnum):
    """One part of the work."""

    ENTRA = "entra"
    CONSENT = "consent"
    EXCHANGE = "exchange"


def complete_playbook(incomplete: str) -> list[str]:
    """Bundled playbooks that begin so."""
    from provisioner import playbook

    return [each.name for each in playbook.bundled() if each.name.startswith(incomplete)]


def complete_tenant(incomplete: str) -> list[str]:
    """Tenants that begin so."""
    from provisioner.home import Home, default_root

    names = [each.name for each in Home(default_root()).inventory.tenants()]
    return [each for each in ("sandbox", *names) if each.startswith(incomplete)]


Playbook = Annotated[
    str,
    typer.Argument(
        metavar="PLAYBOOK",
        help="A bundled playbook (see `provisioner playbooks list`) or a path.",
        autocompletion=complete_playbook,
    ),
]
TenantName = Annotated[
    str,
    typer.Option(
        "--tenant",
        metavar="TENANT",
        help="A tenant of the inventory, or `sandbox`, the simulated one.",
        autocompletion=complete_tenant,
    ),
]
Settings = Annotated[
    Optional[list[str]],  # noqa: UP045 typer reads it at run time
    typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the playbook; may be repeated. Never a secret."),
]
ParametersFile = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--parameters", metavar="FILE", help="Parameters from a YAML file; --set wins."),
]
Instance = Annotated[
    str, typer.Option("--instance", metavar="NAME", help="Which onboarding, where a tenant has the product twice.")
]
Variant = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--variant", metavar="NAME", help="Which variant of the playbook.  [default: as last time, else guide]"
    ),
]
SinkName = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--sink", metavar="SINK", help="Where secrets go: age, age:DIR or terminal.  [default: age]"),
]
Output = Annotated[
    OutputForm,
    typer.Option("--output", "-o", metavar="FORM", help="How to show the result: terminal, json or markdown."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask. Skips only the question, no gate.")]
Send = Annotated[bool, typer.Option("--send", help="Proofs may send a mail, from the sender to itself.")]
Wait = Annotated[
    str, typer.Option("--wait", metavar="TIME", help="How long to try what is not possible yet: 90s, 10m, 2h.")
]
Ticket = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--ticket", metavar="TEXT", help="Why, for the receipt: a ticket number or a sentence."),
]
Only = Annotated[
    Optional[OnlyPart],  # noqa: UP045
    typer.Option(
        "--only",
        metavar="PART",
        help="Carry out one part, entra, consent or exchange; the others stay for somebody else.",
    ),
]
ScriptFile = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--script", metavar="FILE", help="Where to write the script for an Exchange administrator."),
]
ScriptResultFile = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--script-result", metavar="FILE", help="What that script found: the file that it saved."),
]
AllowTenantWide = Annotated[
    bool, typer.Option("--allow-tenant-wide", help="Permit what opens mailboxes of the whole tenant.")
]
AllowRestore = Annotated[
    bool, typer.Option("--allow-restore", help="Permit bringing a deleted application back from the recycle bin.")
]
AllowOrganisationWide = Annotated[
    bool, typer.Option("--allow-organisation-wide", help="Permit what changes a setting of the whole organisation.")
]
AllowRemoveGrants = Annotated[
    bool, typer.Option("--allow-remove-grants", help="Permit taking away consent that cancels a scope.")
]
AllowForeignKeys = Annotated[
    bool,
    typer.Option(
        "--allow-foreign-keys", help="Trust whoever holds keys of an application that was set up from another home."
    ),
]
AllowTwin = Annotated[
    bool, typer.Option("--allow-twin", help="Permit a second application of the same name beside one that is not ours.")
]
