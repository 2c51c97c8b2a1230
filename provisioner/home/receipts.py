"""Receipts: one append-only file per run, evidence of who did what with which outcome.

Never read for decisions about the tenant; only to tell a person what was there before, and how long ago we changed it.
A line is written before the first write to the tenant and one after the last, each flushed to the disk, so that a
killed run leaves a receipt that says "begun".
"""

from __future__ import annotations

import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

from provisioner.disk import files
from provisioner.model.identifiers import Address
from provisioner.model.observed import Caller
from provisioner.model.outcome import ChangeOutcome, ChangeState
from provisioner.model.plan import Plan


class Receipt:
    """One run's file, open for appending."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def reference(self) -> str:
        """Where it lies."""
        return str(self._path)

    def append(self, entry: dict[str, object]) -> None:
        """Add one line, durably."""
        line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="seconds"), **entry}, ensure_ascii=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        with files.named_faults("receipt", self._path):
            descriptor = os.open(self._path, flags, 0o600)
            try:
                os.write(descriptor, line.encode() + b"\n")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def finish(self, outcomes: tuple[ChangeOutcome, ...]) -> None:
        """Note how each change ended."""
        self.append(
            {
                "event": "finished",
                "outcomes": [
                    {
                        "address": each.address,
                        "state": each.state.value,
                        "message": each.message,
                        "requestId": each.request_id,
                        "before": dict(each.before),
                    }
                    for each in outcomes
                ],
            }
        )


class Receipts:
    """All receipts, one folder per tenant."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def begin(self, tenant: str, scope: str, plan: Plan, caller: Caller, ticket: str | None) -> Receipt:
        """Open a receipt for a run that is about to write."""
        folder = self._root / tenant
        files.make_directory(folder)
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        receipt = Receipt(folder / f"{moment}-{secrets.token_hex(4)}.jsonl")
        receipt.append(
            {
                "event": "begun",
                "schemaVersion": 1,
                "sandbox": plan.sandbox,
                "who": {"kind": caller.kind, "name": caller.name, "objectId": caller.object_id},
                "ticket": ticket,
                "tenantId": plan.tenant_id,
                "playbook": plan.playbook,
                "playbookSha256": plan.playbook_sha256,
                "variant": plan.variant,
                "instance": plan.instance,
                "scope": scope,
                "changes": [
                    {"address": each.change.address, "action": each.change.action.value, "summary": each.change.summary}
                    for each in plan.pending
                ],
            }
        )
        return receipt

    def last_done(self, tenant: str, address: Address) -> datetime | None:
        """When our last run changed a thing: how long ago, and so whether a service may still be catching up."""
        folder = self._root / tenant
        for path in sorted(folder.glob("*.jsonl"), reverse=True) if folder.is_dir() else ():
            for line in path.read_text(encoding="utf-8").splitlines():
                for outcome in _outcomes(line):
                    if outcome.get("address") == address and outcome.get("state") == ChangeState.DONE.value:
                        return datetime.fromisoformat(str(json.loads(line)["time"]))
        return None

    def before(self, tenant: str, address: Address) -> tuple[tuple[str, str | None], ...]:
        """What our first change of a shared setting found, to show to a person. Empty where we never changed it."""
        folder = self._root / tenant
        for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else ():
            for line in path.read_text(encoding="utf-8").splitlines():
                for outcome in _outcomes(line):
                    if outcome.get("address") == address and outcome.get("state") == ChangeState.DONE.value:
                        found = outcome.get("before")
                        if isinstance(found, dict) and found:
                            return tuple(
                                (str(name), None if value is None else str(value)) for name, value in found.items()
                            )
        return ()


def _outcomes(line: str) -> tuple[dict[str, object], ...]:
    try:
        entry = json.loads(line)
    except ValueError:
        return ()  # a line cut short by a crash says nothing
    listed = entry.get("outcomes") if isinstance(entry, dict) else None
    return tuple(each for each in listed if isinstance(each, dict)) if isinstance(listed, list) else ()
