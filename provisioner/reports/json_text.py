"""Results as JSON: stable API, described by `schema.json` beside this file. Every result has the same top-level keys.

What does not apply is empty. Texts are raw (a program reads them) and ASCII only, as JSON escapes. A key may be added
under the same `schemaVersion`; none changes its meaning or goes away.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import TextIO, TypeAlias

from provisioner.errors import InputFault, ProvisionerError, Refused, ServiceFault
from provisioner.model.change import Blocked, Manual, PlannedChange, Ready
from provisioner.model.declaration import Caution, ManualStep
from provisioner.model.outcome import ChangeOutcome, ChangeState, ProofOutcome, SecretParameter, SecretReceipt
from provisioner.model.plan import ApplicationIds, ConsentByAnother, Plan
from provisioner.model.preflight import Finding
from provisioner.model.results import (
    Adopted,
    Applied,
    Candidate,
    Deed,
    FilledScreen,
    HandedOver,
    Migrated,
    Planned,
    Stage,
    Verified,
)
from provisioner.reports.wording import instant, is_blocked

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"

SCHEMA_VERSION = 1


class JsonReport:
    """The Report for programs: one object, with a line end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def plan(self, result: Planned, *, saved: str | None = None) -> None:
        """The plan; outcomes are null."""
        self._write(_document(result.plan))

    def applied(self, result: Applied) -> None:
        """The plan with its outcomes."""
        self._write(_document(result.plan, applied=result, secrets=result.secrets))

    def verified(self, result: Verified) -> None:
        """The proofs."""
        self._write(_document(result.plan, verified=result, secrets=result.secrets))

    def handed_over(self, result: HandedOver) -> None:
        """The vendor's form; secrets by reference."""
        self._write(_document(result.plan, handed_over=result, secrets=result.secrets))

    def onboarded(
        self,
        applied: Applied,
        verified: Verified | None,
        handed_over: HandedOver | None,
        again: Plan | None = None,
        *,
        command: str | None = None,
    ) -> None:
        """All of it in one object; what a second plan would still change is unsettled. It tells no command."""
        left = again.pending if again is not None else ()
        pending = tuple(each.change.address for each in left if not isinstance(each.standing, Manual))
        ended = replace(applied, unsettled=tuple(dict.fromkeys((*applied.unsettled, *pending))))
        self._write(
            _document(applied.plan, applied=ended, verified=verified, handed_over=handed_over, secrets=applied.secrets)
        )

    def adopted(self, result: Adopted) -> None:
        """The candidates, and the change to the one that was chosen."""
        applied = Applied(result.plan, result.outcomes, declined=result.declined, receipt=result.receipt)
        candidates: list[Json] = [_candidate(each) for each in result.candidates]
        self._write(_document(result.plan, applied=applied) | {"candidates": candidates, "chosen": result.chosen})

    def migrated(self, result: Migrated) -> None:
        """The steps, and the changes of this run with their outcomes. `receipt` is that of its last change."""
        receipt = result.receipts[-1] if result.receipts else None
        applied = Applied(result.plan, result.outcomes, declined=result.declined, receipt=receipt, manual=result.manual)
        stages: list[Json] = [_stage(each) for each in result.stages]
        self._write(_document(result.plan, applied=applied) | {"stages": stages})

    def error(self, error: ProvisionerError) -> None:
        """`{"schemaVersion", "sandbox": null, "error"}`: where no result came, whether it is the sandbox is unknown."""
        service = error if isinstance(error, ServiceFault) else None
        self._write(
            {
                "schemaVersion": SCHEMA_VERSION,
                "sandbox": None,
                "error": {
                    "kind": type(error).__name__,
                    "message": error.message,
                    "advice": error.advice,
                    "code": service.fault.code if service else None,
                    "requestId": service.fault.request_id if service else None,
                    "whoCan": list(error.who_can) if isinstance(error, Refused) else [],
                    "places": [
                        {
                            "file": each.file,
                            "line": each.line,
                            "column": each.column,
                            "message": each.message,
                            "hint": each.hint,
                        }
                        for each in (error.places if isinstance(error, InputFault) else ())
                    ],
                },
            }
        )

    def _write(self, document: dict[str, Json]) -> None:
        self._stream.write(json.dumps(document, ensure_ascii=True, allow_nan=False, indent=2) + "\n")


def _document(
    plan: Plan,
    *,
    applied: Applied | None = None,
    verified: Verified | None = None,
    handed_over: HandedOver | None = None,
    secrets: tuple[SecretReceipt, ...] = (),
) -> dict[str, Json]:
    outcomes = {each.address: each for each in applied.outcomes} if applied else {}
    return {
        "schemaVersion": SCHEMA_VERSION,
        "sandbox": plan.sandbox,
        "tenant": {"id": plan.tenant_id, "name": plan.tenant_name},
        "playbook": plan.playbook,
        "title": plan.title,
        "variant": plan.variant,
        "instance": plan.instance,
        "parameters": [{"name": name, "value": value} for name, value in plan.parameters],
        "applications": [_application(each) for each in plan.applications],
        "changes": [_change(each, outcomes.get(each.change.address)) for each in plan.changes],
        "blocked": _blocked(plan, outcomes.values() if applied and not applied.declined else None),
        "manual": [_manual(each) for each in (applied.manual if applied and applied.manual else plan.manual)],
        "declined": applied.declined if applied else False,
        "unsettled": list(applied.unsettled) if applied else [],
        "receipt": applied.receipt if applied else None,
        "script": applied.script if applied else None,
        "secrets": [_secret(each) for each in secrets],
        "proofs": [_proof(each) for each in _proofs(verified, handed_over)],
        "handover": [_screen(each) for each in (handed_over.screens if handed_over else ())],
        "seenAt": instant(handed_over.seen_at) if handed_over else None,
        "deeds": [_deed(each) for each in (handed_over.deeds if handed_over else ())],
        "warnings": [_caution(each) for each in plan.warnings],
        "incomplete": [*plan.incomplete, *plan.questions],
        "questions": list(plan.questions),
        "notes": list(plan.notes),
        "preflight": [_finding(each) for each in plan.preflight],
        "consent": [_consent(each) for each in plan.consent],
        "candidates": [],
        "chosen": None,
        "stages": [],
    }


def _finding(finding: Finding) -> Json:
    return {
        "name": finding.name,
        "severity": finding.severity.value,
        "about": finding.about,
        "what": finding.what,
        "why": finding.why,
        "whoCan": list(finding.who_can),
    }


def _consent(waiting: ConsentByAnother) -> Json:
    return {
        "application": waiting.application,
        "whoCan": list(waiting.who_can),
        "flags": list(waiting.flags),
        "portal": waiting.portal,
        "link": waiting.link,
        "note": waiting.note,
    }


def _candidate(candidate: Candidate) -> Json:
    return {
        "appId": candidate.app_id,
        "displayName": candidate.display_name,
        "score": candidate.score,
        "reasons": list(candidate.reasons),
        "beyond": list(candidate.beyond),
        "likely": candidate.likely,
    }


def _stage(stage: Stage) -> Json:
    return {
        "name": stage.name,
        "title": stage.title,
        "state": stage.state.value,
        "detail": stage.detail,
        "until": instant(stage.until) if stage.until else None,
    }


def _application(ids: ApplicationIds) -> Json:
    return {
        "key": ids.key,
        "displayName": ids.display_name,
        "appId": ids.app_id,
        "objectId": ids.object_id,
        "servicePrincipalId": ids.service_principal_id,
    }


def _change(planned: PlannedChange, outcome: ChangeOutcome | None) -> Json:
    change = planned.change
    return {
        "address": change.address,
        "kind": change.kind,
        "action": change.action.value,
        "part": change.part.value,
        "summary": change.summary,
        **_standing(planned),
        "fields": [{"name": each.name, "before": each.before, "after": each.after} for each in change.fields],
        "reach": change.reach,
        "undo": change.undo,
        "gate": change.gate.value if change.gate else None,
        "guideSteps": list(change.guide_steps),
        "notes": list(change.notes),
        "outcome": _outcome(outcome) if outcome else None,
    }


def _standing(planned: PlannedChange) -> dict[str, Json]:
    """`reason`: why it is blocked or what a person has to do; where it is ready, why the change is (not) made."""
    match planned.standing:
        case Ready():
            return {
                "standing": "ready",
                "reason": planned.change.reason,
                "whoCan": [],
                "flag": None,
                "proof": None,
            }
        case Blocked(reason, who_can, flag):
            return {"standing": "blocked", "reason": reason, "whoCan": list(who_can), "flag": flag, "proof": None}
        case Manual(instruction, role, proof):
            return {
                "standing": "manual",
                "reason": instruction,
                "whoCan": [role] if role else [],
                "flag": None,
                "proof": proof,
            }


def _blocked(plan: Plan, outcomes: Iterable[ChangeOutcome] | None) -> list[Json]:
    """Addresses: those that ended blocked, or, before anything was done, those that would."""
    if outcomes is None:
        return [each.change.address for each in plan.changes if is_blocked(each)]
    return [each.address for each in outcomes if each.state is ChangeState.BLOCKED]


def _outcome(outcome: ChangeOutcome) -> Json:
    return {
        "state": outcome.state.value,
        "message": outcome.message,
        "advice": outcome.advice,
        "requestId": outcome.request_id,
    }


def _manual(step: ManualStep) -> Json:
    return {
        "title": step.title,
        "instruction": step.instruction,
        "role": step.role,
        "proof": step.proof,
        "guideSteps": list(step.guide_steps),
    }


def _secret(receipt: SecretReceipt) -> Json:
    return {
        "application": receipt.application,
        "slot": receipt.slot,
        "keyId": receipt.key_id,
        "endDateTime": instant(receipt.end) if receipt.end else None,
        "sink": receipt.sink,
        "reference": receipt.reference,
        "readable": receipt.readable,
        "state": receipt.state,
    }


def _parameter(parameter: SecretParameter) -> Json:
    return {"name": parameter.name, "reference": parameter.reference}


def _proof(proof: ProofOutcome) -> Json:
    return {
        "name": proof.name,
        "title": proof.title,
        "state": proof.state.value,
        "detail": proof.told,
        "causes": list(proof.causes),
        "advice": proof.advice,
        "link": proof.link,
    }


def _proofs(verified: Verified | None, handed_over: HandedOver | None) -> tuple[ProofOutcome, ...]:
    """Of `verify`; else those that a form was handed over with."""
    return verified.proofs if verified else handed_over.proofs if handed_over else ()


def _deed(deed: Deed) -> Json:
    return {
        "address": deed.address,
        "time": instant(deed.when),
        "who": deed.who,
        "ticket": deed.ticket,
        "requestId": deed.request_id,
    }


def _screen(screen: FilledScreen) -> Json:
    return {
        "title": screen.title,
        "fields": [
            {
                "title": each.title,
                "value": each.value,
                "secret": _secret(each.secret) if each.secret else None,
                "parameter": _parameter(each.parameter) if each.parameter else None,
                "note": each.note,
            }
            for each in screen.fields
        ],
        "actions": list(screen.actions),
        "guideSteps": list(screen.guide_steps),
    }


def _caution(caution: Caution) -> Json:
    return {
        "text": caution.text,
        "retiresOn": caution.retires_on.isoformat() if caution.retires_on else None,
        "source": caution.source,
    }
