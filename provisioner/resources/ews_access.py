"""The organisation's gates before Exchange Web Services. Shared: whoever uses EWS stands before the same ones.

Since October 2026 only applications in `EwsAllowedAppIDs` pass where EWS is on, and a write replaces that whole list:
one careless write is an outage for everybody else (field-notes.md 1.2, exchange.md 6). So our application is added to
a list that has members, right after it was read, which concerns nobody else and so has no gate. A null or empty list
is a person's decision, for whom every application that may need it is named; and the switch has a gate of its own.
`remove` takes nothing out: the list as it was is shown to a person.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from provisioner.catalogue import retirement
from provisioner.exchange import ews_gates
from provisioner.model.change import Action, Blocked, Change, FieldChange, Gate, Manual, Part, Ready, Standing
from provisioner.model.declaration import ManualStep
from provisioner.model.declared import EwsAccess, Permission, PermissionKind
from provisioner.model.identifiers import EXCHANGE_APP_ID, GRAPH_APP_ID, Address, AppId
from provisioner.model.observed import Caller, EwsGates, NotSeen, ServicePrincipalObject
from provisioner.resources.hands import Bindings, Hands
from provisioner.resources.kind import Ending, Kind, ending
from provisioner.resources.sight import Sight

ROLES = (Permission(EXCHANGE_APP_ID, PermissionKind.ROLE, "full_access_as_app"),)
SCOPES = tuple(Permission(api, PermissionKind.SCOPE, "EWS.AccessAsUser.All") for api in (EXCHANGE_APP_ID, GRAPH_APP_ID))
"""What Entra grants to applications that use EWS. Source: data/permissions.json."""

LIST, SWITCH = "EwsAllowedAppIDs", "EwsEnabled"
_ROLE = "Exchange Administrator"
_PROOF = f"Get-OrganizationConfig -RetrieveEwsOperationAccessPolicy shows the application's id in {LIST}"
_LATE = "a change of the list or the switch takes up to 24 hours; until then EWS answers as before"
_SUMMARY = "The organisation's EWS gates"


@dataclass(frozen=True)
class Observed:
    """The gates, our application's id as far as it is known, and who uses EWS, where that must be known."""

    gates: EwsGates | NotSeen
    app_id: AppId | NotSeen | None
    users: tuple[ServicePrincipalObject, ...] | NotSeen = ()

    @property
    def known_id(self) -> AppId | None:
        """Our application's id."""
        return None if isinstance(self.app_id, NotSeen) else self.app_id


class EwsAccessKind(Kind[EwsAccess, Observed]):
    """`Set-OrganizationConfig -EwsAllowedAppIDs`."""

    name: ClassVar[str] = "ews_access"
    part: ClassVar[Part] = Part.EXCHANGE
    opens: ClassVar[bool] = True

    def needs(self, declared: EwsAccess) -> tuple[Address, ...]:
        """The application, whose id goes into the list."""
        return (declared.application,)

    async def read(self, declared: EwsAccess, sight: Sight) -> Observed:
        """The gates; and where the list is empty, everybody whom the first entry would lock out."""
        gates, app_id = await asyncio.gather(sight.ews_gates(), sight.app_id(declared.application))
        empty = isinstance(gates, EwsGates) and not gates.allowed
        return Observed(gates, app_id, await sight.users_of(ROLES, SCOPES) if empty else ())

    def bind(self, declared: EwsAccess, observed: Observed, bindings: Bindings) -> None:
        """Nothing: the application's own kind binds it."""

    def ends(self, declared: EwsAccess) -> Ending | None:
        """The day on which EWS ends."""
        return ending("Exchange Web Services (EWS)", retirement(ROLES[0]))

    def compare(self, declared: EwsAccess, observed: Observed) -> Change:
        """Add our application to the list, switch EWS on where it is off, or keep."""
        gates = observed.gates
        listed = isinstance(gates, EwsGates) and gates.allows(observed.known_id)
        off = isinstance(gates, EwsGates) and gates.enabled is False
        notes = _agents(gates) + _unset(gates)
        if listed and not off:
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                _SUMMARY,
                reason=f"{LIST} names the application",
                guide_steps=declared.guide_steps,
                notes=notes,
            )
        fields: tuple[FieldChange, ...] = ()
        if not listed:
            before = ",".join(gates.allowed) if isinstance(gates, EwsGates) else None
            fields += (FieldChange(LIST, before, f"with {declared.application} at its end"),)
        if off:
            fields += (FieldChange(SWITCH, "False", "True"),)
        return Change(
            declared.address,
            self.name,
            Action.UPDATE,
            self.part,
            "Switch EWS on for the organisation" + ("" if listed else ", and let the application in")
            if off
            else "Let the application through the organisation's EWS gate",
            fields=fields,
            reach="every application of the list can use EWS again" if off else None,
            reason="the organisation's switch is off" if off else "EWS lets in only applications of this list",
            undo="`remove` leaves it, and shows the list as it was",
            gate=Gate.ORGANISATION_WIDE if off else None,
            guide_steps=declared.guide_steps,
            notes=(_LATE, *notes),
        )

    def standing(self, declared: EwsAccess, observed: Observed, caller: Caller) -> Standing:
        """An empty list is a person's; Exchange judges its own callers."""
        for each in (observed.gates, observed.app_id):
            if isinstance(each, NotSeen):
                return Blocked(f"not seen: {each.reason}", each.who_can)
        assert isinstance(observed.gates, EwsGates)
        if not observed.gates.allowed:
            return Manual(_instruction(observed.gates, observed), role=_ROLE, proof=_PROOF)
        return Ready()

    async def carry_out(self, declared: EwsAccess, change: Change, hands: Hands) -> None:
        """One write, right after a look at the list; another list than the plan's is left alone."""
        app_id = hands.bindings.applications[declared.application].app_id
        before = {each.name: each.before for each in change.fields}
        text = before.get(LIST, app_id)
        expected = None if text is None else tuple(AppId(each) for each in text.split(","))
        await hands.settled(
            declared.address,
            lambda: ews_gates.let_in(hands.driver(), app_id, expected=expected, switch_on=SWITCH in before),
        )

    def compare_removal(self, declared: EwsAccess, observed: Observed) -> Change:
        """Never reverted silently."""
        return Change(
            declared.address,
            self.name,
            Action.KEEP,
            self.part,
            _SUMMARY,
            reason="every application that uses EWS stands before them; they stay as they are",
        )

    async def remove(self, declared: EwsAccess, change: Change, hands: Hands) -> None:
        """Nothing is taken away."""
        raise AssertionError("an organisation's setting is never removed")


def left_behind(observed: Observed, before: tuple[tuple[str, str | None], ...]) -> ManualStep | None:
    """What `remove` leaves of us in the gates, for a person to decide. `before` is what our first change found.

    None where we are not in the list and changed nothing.
    """
    gates, app_id = observed.gates, observed.known_id
    listed = isinstance(gates, EwsGates) and gates.allows(app_id)
    if not listed and not before:
        return None
    told = []
    if isinstance(gates, EwsGates) and listed:
        others = [each for each in gates.allowed if each.casefold() != str(app_id).casefold()]
        whole = f"Set-OrganizationConfig {_as_argument(','.join(others))}"
        told.append(
            f"{app_id} is still in {LIST}. To take it out, write the whole list without it: {whole}; read it once more "
            "before that, because the write replaces all of it"
            if others
            else f"{app_id} is the only entry of {LIST}. Leave it there: an empty list closes EWS for every application"
        )
    elif not isinstance(gates, EwsGates):
        told.append(f"{LIST} was not seen: {gates.reason}")
    if before:
        told.append("Before our run: " + "; ".join(f"{name}: {value or 'not seen'}" for name, value in before))
    return ManualStep(
        title="Decide about the organisation's EWS gates",
        instruction=". ".join(told),
        role=_ROLE,
        proof=f"Get-OrganizationConfig -RetrieveEwsOperationAccessPolicy shows {LIST} as you decided",
    )


def _instruction(gates: EwsGates, observed: Observed) -> str:
    """How to begin a list, with everybody who may have to be in it."""
    ours = observed.known_id or "the application (client) id of this application"
    if isinstance(observed.users, NotSeen):
        known = f"who uses EWS was not seen here ({observed.users.reason})"
    else:
        others = [each for each in observed.users if each.app_id != observed.known_id]
        named = "; ".join(f"{each.display_name} ({each.app_id})" for each in others)
        known = f"Entra grants EWS to: {named}" if named else "Entra grants EWS to no other application"
    switch = {False: "off (EwsEnabled is False)", None: "not set (EwsEnabled)", True: "on"}[gates.enabled]
    opened = "" if gates.enabled else " -EwsEnabled $true"
    return (
        f"{LIST} is empty, and whoever is listed first locks out every other application. So write one whole list of "
        f"all that go on using EWS: {ours}, and of those that use it now, the ones you want to keep. {known}. Exchange "
        "gives it to those that Get-ManagementRoleAssignment -Role 'Application EWS.AccessAsApp' shows. The switch is "
        f"{switch}. Set-OrganizationConfig {_as_argument('ID,ID')}{opened} writes the list. Up to 24 hours pass"
    )


def _as_argument(listed: str) -> str:
    return f"-{LIST} '{listed}'"


def _agents(gates: EwsGates | NotSeen) -> tuple[str, ...]:
    """The third gate, which is read and explained and never written."""
    if isinstance(gates, NotSeen) or gates.agent_policy is None:
        return ()
    if gates.agent_policy == "EnforceAllowList":
        listed = ", ".join(gates.allowed_agents) or "nobody"
        return (
            f"user agents are asked too (EnforceAllowList): only these may use EWS: {listed}; ask the vendor for his",
        )
    listed = ", ".join(gates.blocked_agents) or "nobody"
    return (f"user agents are asked too ({gates.agent_policy}): these may not use EWS: {listed}",)


def _unset(gates: EwsGates | NotSeen) -> tuple[str, ...]:
    if isinstance(gates, NotSeen) or gates.enabled is not None:
        return ()
    return (
        "EwsEnabled is not set: Microsoft switches such organisations off since October 2026. Whether to set it is a "
        "person's decision: Set-OrganizationConfig -EwsEnabled $true",
    )
