"""Admin consent to delegated permissions. One object per API holds all scopes, so others' scopes are kept with ours.

For everybody (`AllPrincipals`), or for one account (`Principal`): then nobody else can use the application without
consenting himself. Source: graph.md 2.7.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from provisioner import catalogue
from provisioner.errors import AlreadyThere
from provisioner.graph import delegated_grants
from provisioner.model import observed as live
from provisioner.model.change import Action, Blocked, Change, FieldChange, Part, Standing
from provisioner.model.declared import DelegatedGrant
from provisioner.model.identifiers import Address, AppId, ObjectId
from provisioner.model.observed import Caller, NotSeen, ResourcePrincipal
from provisioner.resources.abilities import may_consent_delegated
from provisioner.resources.hands import Bindings, Hands, shown
from provisioner.resources.kind import Kind
from provisioner.resources.sight import Sight


@dataclass(frozen=True)
class Observed:
    """The API, everything granted to our service principal, and the one account where it is for one."""

    resource: ResourcePrincipal | NotSeen | None
    grants: tuple[live.DelegatedGrant, ...] | NotSeen
    account: ObjectId | NotSeen | None = None


class DelegatedGrantKind(Kind[DelegatedGrant, Observed]):
    """Granted delegated permissions of one API."""

    name: ClassVar[str] = "delegated_grant"
    part: ClassVar[Part] = Part.CONSENT
    opens: ClassVar[bool] = True
    by_item: ClassVar[bool] = True

    def needs(self, declared: DelegatedGrant) -> tuple[Address, ...]:
        """The service principal that receives them."""
        return (declared.service_principal,)

    async def read(self, declared: DelegatedGrant, sight: Sight) -> Observed:
        """The API's scopes, our grants, and the account."""
        resource, grants = await asyncio.gather(
            sight.resource(_api(declared)), sight.delegated_grants(declared.service_principal)
        )
        account = await sight.account(declared.account) if declared.account is not None else None
        return Observed(resource, grants, account)

    def bind(self, declared: DelegatedGrant, observed: Observed, bindings: Bindings) -> None:
        """The API's object id, and the account's."""
        if isinstance(observed.resource, ResourcePrincipal):
            bindings.resources[_api(declared)] = observed.resource
        if isinstance(observed.account, str) and declared.account is not None:
            bindings.accounts[declared.account] = observed.account

    def compare(self, declared: DelegatedGrant, observed: Observed) -> Change:
        """Grant, add what is missing, or keep. Others' scopes stay."""
        names = ", ".join(each.value for each in declared.permissions)
        whom = _whom(declared)
        grant = _grant(declared, observed)
        granted = frozenset(grant.scopes) if grant is not None else frozenset()
        missing = tuple(each for each in declared.permissions if each.value not in granted)
        foreign = sorted(granted - {each.value for each in declared.permissions})
        also = (f"also granted there: {', '.join(foreign)}; they stay",) if foreign else ()
        notes = (*also, *_for_everybody(declared, observed))
        if not missing:
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                f"Consent to {names}, {whom}",
                reason="granted",
                guide_steps=declared.guide_steps,
                notes=notes,
            )
        return Change(
            declared.address,
            self.name,
            Action.CREATE if grant is None else Action.UPDATE,
            self.part,
            f"Grant admin consent to {', '.join(each.value for each in missing)}, {whom}",
            fields=tuple(FieldChange(each.value, None, f"granted {whom}") for each in missing),
            reach=" ".join(dict.fromkeys(catalogue.reach(each).text for each in missing)),
            guide_steps=declared.guide_steps,
            notes=notes,
        )

    def standing(self, declared: DelegatedGrant, observed: Observed, caller: Caller) -> Standing:
        """Blocked where unseen, where API, scope or account are missing, or where another role must consent."""
        for seen in (observed.resource, observed.grants, observed.account):
            if isinstance(seen, NotSeen):
                return Blocked(f"not seen: {seen.reason}", seen.who_can)
        if not isinstance(observed.resource, ResourcePrincipal):
            return Blocked(f"the API {_api(declared)} has no service principal in this tenant")
        for permission in declared.permissions:
            if not observed.resource.ids_of(permission):
                return Blocked(f"{observed.resource.display_name} offers no {permission.value} here")
        if declared.account is not None and observed.account is None:
            return Blocked(
                f"there is no account {declared.account} in this tenant: a User Administrator can make it, or give "
                "another one"
            )
        return may_consent_delegated(caller, declared.permissions)

    async def carry_out(self, declared: DelegatedGrant, change: Change, hands: Hands) -> None:
        """Look once more, then create or add to what is there."""
        principal = hands.bindings.service_principals[declared.service_principal]
        resource = hands.bindings.resources[_api(declared)]
        account = hands.bindings.accounts[declared.account] if declared.account is not None else None
        wanted = tuple(each.value for each in declared.permissions)

        async def add() -> bool:
            held = await delegated_grants.held_by(hands.graph, principal.object_id)
            found = _grant(declared, Observed(resource, held, account))
            if found is not None:
                scopes = tuple(dict.fromkeys((*found.scopes, *wanted)))
                if scopes != found.scopes:
                    await delegated_grants.update(hands.graph, found.grant_id, scopes=scopes)
            return found is not None

        async def grant() -> None:
            if await add():
                return
            try:
                await delegated_grants.create(
                    hands.graph,
                    client_id=principal.object_id,
                    resource_id=resource.object_id,
                    principal_id=account,
                    scopes=wanted,
                )
            except AlreadyThere:
                shown(True if await add() else None, "the grant")

        await hands.settled(declared.address, grant)

    def compare_removal(self, declared: DelegatedGrant, observed: Observed) -> Change:
        """Take back ours."""
        names = ", ".join(each.value for each in declared.permissions)
        grant = _grant(declared, observed)
        granted = frozenset(grant.scopes) if grant is not None else frozenset()
        unseen = isinstance(observed.grants, NotSeen)
        going = tuple(each for each in declared.permissions if unseen or each.value in granted)
        if not going:
            return Change(
                declared.address, self.name, Action.KEEP, self.part, f"Consent to {names}", reason="not granted"
            )
        return Change(
            declared.address,
            self.name,
            Action.REMOVE,
            self.part,
            f"Revoke admin consent to delegated permissions of {_api_name(declared)}",
            fields=tuple(FieldChange(each.value, f"granted {_whom(declared)}", None) for each in going),
        )

    def removal_standing(self, declared: DelegatedGrant, observed: Observed, caller: Caller) -> Standing:
        """An API or account that is gone is no hindrance; grants that were not seen are."""
        if isinstance(observed.grants, NotSeen):
            return Blocked(f"not seen: {observed.grants.reason}", observed.grants.who_can)
        return may_consent_delegated(caller, declared.permissions)

    async def remove(self, declared: DelegatedGrant, change: Change, hands: Hands) -> None:
        """Take back exactly ours; a grant without scopes goes."""
        principal = hands.bindings.service_principals[declared.service_principal]
        resource = hands.bindings.resources[_api(declared)]
        account = hands.bindings.accounts.get(declared.account) if declared.account is not None else None
        held = await delegated_grants.held_by(hands.graph, principal.object_id)
        grant = _grant(declared, Observed(resource, held, account))
        if grant is None:
            return
        going = {each.name for each in change.fields}
        left = tuple(each for each in grant.scopes if each not in going)
        if left:
            await delegated_grants.update(hands.graph, grant.grant_id, scopes=left)
        else:
            await delegated_grants.revoke(hands.graph, grant.grant_id)


def _api(declared: DelegatedGrant) -> AppId:
    return declared.permissions[0].resource_app_id


def _whom(declared: DelegatedGrant) -> str:
    return f"for {declared.account}" if declared.account else "for everybody"


def _api_name(declared: DelegatedGrant) -> str:
    found = catalogue.resource(_api(declared))
    return found[1] if found is not None else _api(declared)


def _for_everybody(declared: DelegatedGrant, observed: Observed) -> Iterator[str]:
    """What another grant gives everybody where ours is for one account."""
    if declared.account is None:
        return
    everybody = _grant(replace(declared, account=None), replace(observed, account=None))
    if everybody is not None and everybody.scopes:
        scopes = ", ".join(sorted(everybody.scopes))
        yield f"granted for everybody as well: {scopes}; whoever may sign in to it can use that, and it stays"


def _grant(declared: DelegatedGrant, observed: Observed) -> live.DelegatedGrant | None:
    """The one object that holds the scopes: same API, and for the same account or for everybody."""
    if isinstance(observed.grants, NotSeen) or not isinstance(observed.resource, ResourcePrincipal):
        return None
    if declared.account is not None and not isinstance(observed.account, str):
        return None
    for each in observed.grants:
        if each.resource_id == observed.resource.object_id and each.principal_id == observed.account:
            return each
    return None
