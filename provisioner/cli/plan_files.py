"""Plan files: what `plan --out` saves and `apply --plan` takes. It approves; it is never carried out by itself.

It carries what it is about, parameters too, so that somebody else can apply it from a home that knows none of them. Of
a secret parameter that is the reference (`env:NAME`, `file:PATH`), never a value.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioner.disk import files
from provisioner.errors import FaultyPlace, InputFault
from provisioner.model.identifiers import Address
from provisioner.model.plan import Approval
from provisioner.model.results import Planned

SCHEMA_VERSION = 2


@dataclass(frozen=True)
class About:
    """What a plan, or a command, is about."""

    tenant_id: str
    playbook: str
    playbook_sha256: str
    variant: str
    instance: str
    parameters: Mapping[str, str]
    """All of them, defaults too."""


@dataclass(frozen=True)
class SavedPlan:
    """A plan file that was read."""

    path: Path
    about: About
    approval: Approval

    def check(self, wanted: About) -> None:
        """Raise InputFault, with every difference, where the command is about something else than the plan."""
        places = tuple(FaultyPlace(str(self.path), 0, 0, each) for each in _differences(self.about, wanted))
        if places:
            raise InputFault(
                "the plan is about something else",
                places,
                advice="give what it was made with, or make it again: provisioner plan ... --out FILE",
            )


def save(path: Path, planned: Planned) -> None:
    """Write the approval, with what it is about, and enough for a person to recognise the plan."""
    plan, approval = planned.plan, planned.approval
    content = {
        "schemaVersion": SCHEMA_VERSION,
        "sandbox": plan.sandbox,
        "tenantId": plan.tenant_id,
        "playbook": plan.playbook,
        "playbookSha256": plan.playbook_sha256,
        "variant": plan.variant,
        "instance": plan.instance,
        "parameters": dict(plan.parameters),
        "scope": approval.scope,
        "changes": [{"address": address, "digest": digest} for address, digest in approval.changes],
        "summaries": [each.change.summary for each in plan.pending],
    }
    with files.named_faults("plan", path):
        files.replace(path, json.dumps(content, indent=2, ensure_ascii=True).encode() + b"\n")


def load(path: Path) -> SavedPlan:
    """Read a plan file. Raises InputFault."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schemaVersion"] != SCHEMA_VERSION:
            raise _faulty(path, f"its schemaVersion is {content['schemaVersion']!r}, we know {SCHEMA_VERSION}")
        changes = tuple((Address(str(each["address"])), str(each["digest"])) for each in content["changes"])
        about = About(
            tenant_id=str(content["tenantId"]),
            playbook=str(content["playbook"]),
            playbook_sha256=str(content["playbookSha256"]),
            variant=str(content["variant"]),
            instance=str(content["instance"]),
            parameters={str(name): str(value) for name, value in content["parameters"].items()},
        )
        return SavedPlan(path, about, Approval(str(content["scope"]), changes))
    except OSError as error:
        raise _faulty(path, error.strerror or "cannot be read") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _faulty(path, "it is no plan file of ours") from error


def _differences(plan: About, wanted: About) -> Iterator[str]:
    named = (
        ("tenant", plan.tenant_id, wanted.tenant_id),
        ("playbook", plan.playbook, wanted.playbook),
        ("variant", plan.variant, wanted.variant),
        ("instance", plan.instance, wanted.instance),
    )
    yield from (f"it is for {what} {theirs}, not {ours}" for what, theirs, ours in named if theirs != ours)
    if plan.playbook != wanted.playbook:
        return
    if plan.playbook_sha256 != wanted.playbook_sha256:
        yield "the playbook has another text now than when it was made"
    for name in sorted({*plan.parameters, *wanted.parameters}):
        theirs, ours = plan.parameters.get(name), wanted.parameters.get(name)
        if theirs != ours:
            yield f"parameter {name}: {_said(theirs)} in the plan, {_said(ours)} here"


def _said(value: str | None) -> str:
    return "nothing" if value is None else repr(value)


def _faulty(path: Path, message: str) -> InputFault:
    return InputFault(
        "a faulty plan file",
        (FaultyPlace(str(path), 0, 0, message),),
        advice="make it with: provisioner plan ... --out FILE",
    )
