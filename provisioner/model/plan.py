"""The plan: what would change, who can do it, and a digest that says whether two plans mean the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace

from provisioner.model.change import Action, Change, PlannedChange
from provisioner.model.declaration import Caution, Declaration, ManualStep
from provisioner.model.identifiers import Address, AppId, ObjectId, TenantId
from provisioner.model.preflight import Finding


@dataclass(frozen=True)
class ApplicationIds:
    """The ids of one declared application, as far as they exist."""

    key: str
    display_name: str
    app_id: AppId | None = None
    object_id: ObjectId | None = None
    service_principal_id: ObjectId | None = None


@dataclass(frozen=True)
class ConsentByAnother:
    """How somebody with the role can consent for one application, beside `apply --plan FILE --only consent`."""

    application: str
    """Its display name."""
    who_can: tuple[str, ...]
    flags: tuple[str, ...] = ()
    """Those that open the gates of what is to be granted; nobody's for another to open."""
    portal: str | None = None
    """The page with the portal's consent button; None where the application is not there yet, or the button wrong."""
    link: str | None = None
    """The admin consent link, which works only for an application with a web redirect (AADSTS500113 otherwise)."""
    note: str | None = None
    """What the button and the link do beyond what the plan does, or why they must not be used."""


@dataclass(frozen=True)
class Plan:
    """What one run would do in one tenant."""

    tenant_id: TenantId
    tenant_name: str
    sandbox: bool
    playbook: str
    title: str
    variant: str
    instance: str
    playbook_sha256: str
    parameters: tuple[tuple[str, str], ...]
    changes: tuple[PlannedChange, ...]
    applications: tuple[ApplicationIds, ...] = ()
    manual: tuple[ManualStep, ...] = ()
    warnings: tuple[Caution, ...] = ()
    incomplete: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """Findings worth a line: likely twins, keys held elsewhere, a skewed clock."""
    preflight: tuple[Finding, ...] = ()
    """What is not ours to change and matters to the product all the same; empty where nobody looked."""
    consent: tuple[ConsentByAnother, ...] = ()
    """How somebody else can consent where this caller may not."""
    removing: bool = False
    """Whether it takes the onboarding away; one that only takes something of it away is no removal."""

    @property
    def pending(self) -> tuple[PlannedChange, ...]:
        """The changes that would do something."""
        return tuple(each for each in self.changes if each.change.action is not Action.KEEP)


def change_digest(change: Change) -> str:
    """What a change means, in 64 hex digits. Texts for people, standings, ids and dates are not part of it."""
    meaning = [
        change.address,
        change.kind,
        change.action.value,
        [[field.name, field.before, field.after] for field in change.fields],
        change.gate.value if change.gate else None,
    ]
    return hashlib.sha256(json.dumps(meaning, ensure_ascii=True).encode()).hexdigest()


def scope_digest(tenant_id: TenantId, declaration: Declaration) -> str:
    """What a plan is about: tenant, playbook text, variant, instance, parameters."""
    about = [
        tenant_id,
        declaration.playbook,
        declaration.playbook_sha256,
        declaration.variant,
        declaration.instance,
        [list(pair) for pair in declaration.parameters],
    ]
    return hashlib.sha256(json.dumps(about, ensure_ascii=True).encode()).hexdigest()


@dataclass(frozen=True)
class Approval:
    """The saved form of a plan: what `apply --plan FILE` may do, and nothing else.

    A plan is approved change by change: the part that the first person has carried out since is no longer pending,
    and that must not make the rest void for the second person. Whatever pends now and is not in here is refused.
    """

    scope: str
    changes: tuple[tuple[Address, str], ...]
    """Address and digest of each change that was pending."""

    def unapproved(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Those pending changes that were not part of the approved plan.

        Whoever made it may not have seen what is there now (another role may); so a change whose before-values were
        unknown then is the same change.
        """
        known = set(self.changes)
        return tuple(
            each
            for each in changes
            if each.action is not Action.KEEP
            and not {(each.address, change_digest(each)), (each.address, change_digest(_unseen(each)))} & known
        )


def _unseen(change: Change) -> Change:
    return replace(change, fields=tuple(replace(each, before=None) for each in change.fields))


def approve(scope: str, plan: Plan) -> Approval:
    """The approval of everything that pends in a plan."""
    return Approval(scope, tuple((each.change.address, change_digest(each.change)) for each in plan.pending))
