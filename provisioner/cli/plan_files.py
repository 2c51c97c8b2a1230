"""Plan files: what `plan --out` saves and `apply --plan` takes. It approves; it is never carried out by itself."""

from __future__ import annotations

import json
from pathlib import Path

from provisioner.disk import files
from provisioner.errors import FaultyPlace, InputFault
from provisioner.model.identifiers import Address
from provisioner.model.plan import Approval
from provisioner.model.results import Planned

SCHEMA_VERSION = 1


def save(path: Path, planned: Planned) -> None:
    """Write the approval, with enough beside it for a person to recognise the plan."""
    plan, approval = planned.plan, planned.approval
    content = {
        "schemaVersion": SCHEMA_VERSION,
        "sandbox": plan.sandbox,
        "tenantId": plan.tenant_id,
        "playbook": plan.playbook,
        "variant": plan.variant,
        "instance": plan.instance,
        "scope": approval.scope,
        "changes": [{"address": address, "digest": digest} for address, digest in approval.changes],
        "summaries": [each.change.summary for each in plan.pending],
    }
    with files.named_faults("plan", path):
        files.replace(path, json.dumps(content, indent=2, ensure_ascii=True).encode() + b"\n")


def load(path: Path) -> Approval:
    """Read an approval. Raises InputFault."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schemaVersion"] != SCHEMA_VERSION:
            raise _faulty(path, f"its schemaVersion is {content['schemaVersion']!r}, we know {SCHEMA_VERSION}")
        changes = tuple((Address(str(each["address"])), str(each["digest"])) for each in content["changes"])
        return Approval(str(content["scope"]), changes)
    except OSError as error:
        raise _faulty(path, error.strerror or "cannot be read") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _faulty(path, "it is no plan file of ours") from error


def _faulty(path: Path, message: str) -> InputFault:
    return InputFault(
        "a faulty plan file",
        (FaultyPlace(str(path), 0, 0, message),),
        advice="make it with: provisioner plan ... --out FILE",
    )
