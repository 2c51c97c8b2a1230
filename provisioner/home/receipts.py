"""Receipts: one append-only file per run, evidence of who did what with which outcome.

Never read for decisions about the tenant; only to tell a person what was there before, and how long ago we changed it.
A line is written before the first write to the tenant and one after the last, each flushed to the disk, so that a
killed run leaves a receipt that says "begun".
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from provisioner.disk import files
from provisioner.model.identifiers import Address
from provisioner.model.observed import Caller
from provisioner.model.outcome import ChangeOutcome, ChangeState
from provisioner.model.plan import Plan
from provisioner.model.results import Deed


def machine_time() -> datetime:
    """The machine's clock, UTC."""
    return datetime.now(UTC)


class Receipt:
    """One run's file, open for appending."""

    def __init__(self, path: Path, now: Callable[[], datetime] = machine_time) -> None:
        self._path = path
        self._now = now

    @property
    def reference(self) -> str:
        """Where it lies."""
        return str(self._path)

    def append(self, entry: dict[str, object]) -> None:
        """Add one line, durably."""
        line = json.dumps({"time": self._now().isoformat(timespec="seconds"), **entry}, ensure_ascii=True)
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

    def begin(
        self,
        tenant: str,
        scope: str,
        plan: Plan,
        caller: Caller,
        ticket: str | None,
        now: Callable[[], datetime] = machine_time,
    ) -> Receipt:
        """Open a receipt for a run that is about to write. `now` is the tenant's time, where one has heard it."""
        folder = self._root / tenant
        with files.named_faults("receipt", folder):
            files.make_directory(folder)
            files.check_unwritable("receipt", self._root.parent, self._root, folder)
        moment = now().strftime("%Y%m%dT%H%M%SZ")
        receipt = Receipt(folder / f"{moment}-{secrets.token_hex(4)}.jsonl", now)
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
                    {
                        "address": each.change.address,
                        "action": each.change.action.value,
                        "summary": each.change.summary,
                        "before": {field.name: field.before for field in each.change.fields},
                    }
                    for each in plan.pending
                ],
            }
        )
        return receipt

    def last_done(self, tenant: str, playbook: str, instance: str, address: Address) -> datetime | None:
        """When our last run changed a thing: how long ago, and so whether a service may still be catching up."""
        times = [deed.when for deed in self.deeds(tenant, playbook, instance) if deed.address == address]
        return max(times, default=None)

    def known_since(self, tenant: str, playbook: str, instance: str, variant: str, address: Address) -> datetime | None:
        """Since when a thing has been so, as far as our runs in that variant tell.

        The last change of ours, or else when a run first found it so. A run in another variant makes that void.
        """
        since: datetime | None = None
        for begun, entries in self._runs(tenant, playbook, instance):
            if begun.get("variant") != variant:
                since = None
                continue
            for entry in entries:
                states = [each.get("state") for each in _listed(entry) if each.get("address") == address]
                if ChangeState.DONE.value in states or (since is None and ChangeState.KEPT.value in states):
                    since = datetime.fromisoformat(str(entry["time"]))
        return since

    def deeds(self, tenant: str, playbook: str, instance: str) -> tuple[Deed, ...]:
        """Who last changed each thing of one onboarding and when."""
        found: dict[Address, Deed] = {}
        for begun, entries in self._runs(tenant, playbook, instance):
            found |= {deed.address: deed for each in entries for deed in _deeds(each, begun)}
        return tuple(found.values())

    def before(self, tenant: str, playbook: str, instance: str, address: Address) -> tuple[tuple[str, str | None], ...]:
        """What our first change of each of a shared thing's settings found. Empty where we never changed one.

        A run that was killed may have come to make its change: what it set out from counts.
        """
        first: dict[str, str | None] = {}
        for begun, entries in self._runs(tenant, playbook, instance):
            ended = any(each.get("event") == "finished" for each in entries)
            outcomes = (each for entry in entries for each in _listed(entry))
            done = (each for each in outcomes if each.get("state") == ChangeState.DONE.value)
            for change in done if ended else _listed(begun, "changes"):
                if change.get("address") == address:
                    found = change.get("before")
                    for name, value in found.items() if isinstance(found, dict) else ():
                        first.setdefault(str(name), None if value is None else str(value))
        return tuple(first.items())

    def _runs(
        self, tenant: str, playbook: str, instance: str
    ) -> Iterator[tuple[dict[str, object], tuple[dict[str, object], ...]]]:
        """(first entry, all entries) of each run of one onboarding, oldest first; others may share its addresses."""
        folder = self._root / tenant
        for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else ():
            with files.named_faults("receipt", path):
                files.check_unwritable("receipt", self._root.parent, self._root, folder, path)
            entries = tuple(_entry(line) for line in path.read_text(encoding="utf-8").splitlines())
            begun: dict[str, object] = next((each for each in entries if each.get("event") == "begun"), {})
            if (begun.get("playbook"), begun.get("instance")) == (playbook, instance):
                yield begun, entries


def _deeds(entry: dict[str, object], begun: dict[str, object]) -> Iterator[Deed]:
    who, ticket = begun.get("who"), begun.get("ticket")
    name = who.get("name") or who.get("objectId") if isinstance(who, dict) else None
    for outcome in _listed(entry):
        if outcome.get("state") == ChangeState.DONE.value:
            request_id = outcome.get("requestId")
            yield Deed(
                Address(str(outcome.get("address"))),
                datetime.fromisoformat(str(entry["time"])),
                str(name or "unknown"),
                str(request_id) if request_id else None,
                str(ticket) if ticket else None,
            )


def _entry(line: str) -> dict[str, object]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}  # a line cut short by a crash says nothing
    return entry if isinstance(entry, dict) else {}


def _listed(entry: dict[str, object], name: str = "outcomes") -> tuple[dict[str, object], ...]:
    listed = entry.get(name)
    return tuple(each for each in listed if isinstance(each, dict)) if isinstance(listed, list) else ()
