"""What the tenant shows about one proof: the reads that decide between the causes of a refusal.

Each read that is refused stays "not seen". What our own last run changed has an age, from its receipt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatch

from provisioner.catalogue import retirement
from provisioner.exchange import mailbox_permissions
from provisioner.graph import directory_groups
from provisioner.mail.ews import USER_AGENT
from provisioner.model.declaration import Proof, ProofKind
from provisioner.model.declared import (
    AppRoleGrant,
    ClientAccess,
    ClientSecret,
    Declared,
    DelegatedGrant,
    EwsAccess,
    ExchangePointer,
    MailboxPermission,
    ManagementRoleAssignment,
    ManagementScope,
    Protocol,
    ScopeGroup,
    ServicePrincipal,
    UnscopedGrants,
    UserAssignment,
)
from provisioner.model.identifiers import Address
from provisioner.model.observed import (
    ApplicationObject,
    ClientAccessSettings,
    EwsGates,
    ExchangePrincipal,
    NotSeen,
    Organization,
    Person,
    RoleAuthorization,
    ServicePrincipalObject,
    TransportSettings,
)
from provisioner.model.slot import Entry
from provisioner.probes import Facts, Pointer, Worked
from provisioner.resources import kind_of
from provisioner.resources.client_secret import slot_of
from provisioner.resources.ews_access import ROLES as EWS_ROLES
from provisioner.resources.sight import Sight
from provisioner.resources.unscoped_grants import unscoped_grants
from provisioner.signin import OF_NO_API
from provisioner.workflows.onboarding import Onboarding, sight_of
from provisioner.workflows.ports import Ports, Session
from provisioner.workflows.preflight import looked

REPLICAS_AGREE_WITHIN = timedelta(minutes=2)
"""Until then a read that denies our own change may come from a replica that lags (graph.md 3.1: seconds are usual)."""

SWITCHES = {
    ProofKind.IMAP_INBOX: Protocol.IMAP,
    ProofKind.IMAP_REFUSED: Protocol.IMAP,
    ProofKind.POP_INBOX: Protocol.POP,
    ProofKind.EWS_FOLDER: Protocol.EWS,
    ProofKind.EWS_REFUSED: Protocol.EWS,
}
"""The mailbox's switch that a kind of proof depends on. SMTP AUTH has three states, and a fact of its own."""

BY_SCOPE = {
    "IMAP.AccessAsUser.All": Protocol.IMAP,
    "POP.AccessAsUser.All": Protocol.POP,
    "SMTP.Send": Protocol.SMTP_AUTH,
}
"""The switch that an account's delegated permission is worth nothing without."""

OVER_EWS = frozenset({ProofKind.EWS_FOLDER, ProofKind.EWS_REFUSED})


@dataclass(frozen=True)
class FactReader:
    """Reads about one proof of one onboarding."""

    onboarding: Onboarding
    ports: Ports
    session: Session
    live: ApplicationObject
    proof: Proof
    worked: Worked | None
    """How far the product came in earlier proofs of this run."""
    proven: frozenset[ProofKind] = frozenset()
    """Kinds of proof that passed in this run, for the same application."""

    async def read(self) -> Facts:
        """All that is shown now; nothing is remembered from an earlier look."""
        sight = sight_of(self.onboarding, self.session)
        proof = self.proof
        pointer = await sight.pointer(proof.application)
        scoped = bool(proof.scoped_roles)
        facts = Facts(
            consent=await (self._delegated_consent(sight, proof.account) if proof.account else self._consent(sight)),
            pointer=await self._pointer_state(sight, pointer),
            consent_age=self._age(DelegatedGrant if proof.account else AppRoleGrant),
            pointer_age=self._age(ExchangePointer),
            secret_age=await self._secret_age(),
            scoped=scoped,
            scope_age=self._age(ManagementRoleAssignment, ManagementScope, ScopeGroup) if scoped else None,
            unscoped=await self._unscoped(sight) if scoped else None,
            works_elsewhere=self.worked,
            proven=self.proven,
        )
        if proof.account is not None:
            facts = await self._about_account(facts, sight, proof.account)
        if proof.kind in OVER_EWS:
            facts = await self._about_ews(facts, sight)
        if proof.kind is ProofKind.SIGN_IN_LINK:
            facts = await self._about_sign_in(facts, sight)
        if proof.mailbox is not None:
            facts = await self._about_mailbox(facts, sight, proof.mailbox, pointer)
        return past_replicas(facts)

    async def authorization(self, mailbox: str) -> tuple[RoleAuthorization, ...] | NotSeen | None:
        """What Exchange says of a mailbox; asked anew each time."""
        pointer = self.proof.pointer
        return await sight_of(self.onboarding, self.session).authorization(pointer, mailbox) if pointer else None

    async def slot_entry(self, declared: ClientSecret) -> Entry | None:
        """What the sink holds of a secret: the current one, or a pending one that nobody has replaced."""
        slot = slot_of(declared, self.session.tenant.tenant_id, self.onboarding.declaration.onboarding)
        record = (await self.onboarding.sink.load(slot)).record
        return (record.current or record.pending) if record is not None else None

    @property
    def secret(self) -> ClientSecret | None:
        """The secret that the proof signs in with."""
        return next(
            (
                each
                for each in self.onboarding.declaration.resources
                if isinstance(each, ClientSecret) and each.address == self.proof.secret
            ),
            None,
        )

    async def _about_mailbox(
        self, facts: Facts, sight: Sight, mailbox: str, pointer: ExchangePrincipal | NotSeen | None
    ) -> Facts:
        rights = await sight.mailbox_rights(mailbox)
        role_assigned, in_scope = await self._scope(mailbox) if facts.scoped else (None, None)
        settings = await sight.client_access(mailbox)
        switch = SWITCHES.get(self.proof.kind)
        on = settings.on.get(switch) if isinstance(settings, ClientAccessSettings) and switch is not None else None
        return replace(
            facts,
            mailbox_exists=None if isinstance(rights, NotSeen) else rights is not None,
            mailbox_right=(
                mailbox_permissions.holds(rights, pointer, "FullAccess")
                if isinstance(rights, tuple) and isinstance(pointer, ExchangePrincipal) and not self.proof.account
                else _own(self.proof.account, mailbox)
            ),
            smtp_auth=await _smtp_auth(sight, mailbox),
            role_assigned=role_assigned,
            in_scope=in_scope,
            right_age=self._age_on(MailboxPermission, mailbox),
            smtp_auth_age=self._age_on(ClientAccess, mailbox),
            protocol_on=on,
            protocol_age=self._age_on(ClientAccess, mailbox),
        )

    async def _about_account(self, facts: Facts, sight: Sight, account: str) -> Facts:
        found = await sight.organization()
        domain = account.rpartition("@")[2].casefold()
        return replace(
            facts,
            as_account=True,
            account_federated=domain in found.federated_domains if isinstance(found, Organization) else None,
            assigned=await self._assigned(sight, account),
            assigned_age=self._age(UserAssignment),
        )

    async def _about_ews(self, facts: Facts, sight: Sight) -> Facts:
        ends = retirement(EWS_ROLES[0])
        facts = replace(
            facts,
            ews_age=self._age(EwsAccess),
            ews_ended=ends is not None and self.session.clock.now().date() >= ends,
        )
        gates = await sight.ews_gates()
        if isinstance(gates, NotSeen):
            return facts
        return replace(
            facts,
            ews_enabled=gates.enabled is True,  # not set counts as off since October 2026
            ews_listed=gates.allows(self.live.app_id),
            ews_agent=_agent_passes(gates),
        )

    async def _about_sign_in(self, facts: Facts, sight: Sight) -> Facts:
        account = self.proof.account or ""
        person, switches = await sight.person(account), await self._switches(sight, account)
        facts = replace(
            facts,
            mailbox_exists=False if switches and await sight.client_access(account) is None else None,
            account_exists=None if isinstance(person, NotSeen) else person is not None,
            account_enabled=person.enabled if isinstance(person, Person) else None,
            switches=switches,
            protocol_age=self._age_on(ClientAccess, account),
        )
        declared = self.secret
        entry = await self.slot_entry(declared) if declared is not None else None
        if entry is not None:
            kept = next((each for each in self.live.passwords if each.key_id == entry.key_id), None)
            # the tenant's end counts: what the sink noted is what was asked for
            ended = kept.end <= self.session.clock.now() if kept is not None else None
            facts = replace(facts, secret_there=kept is not None, secret_ended=ended)
        live = self.live
        return replace(facts, redirects=(*live.web_redirects, *live.spa_redirects, *live.native_redirects))

    async def _switches(self, sight: Sight, account: str) -> dict[Protocol, bool | None]:
        """Of the account's own mailbox, as far as its permissions are for mail protocols."""
        wanted = [protocol for scope, protocol in BY_SCOPE.items() if scope in self.proof.scopes]
        if not wanted:
            return {}
        settings = await sight.client_access(account)
        on = settings.on if isinstance(settings, ClientAccessSettings) else {}
        return {
            each: await _smtp_auth(sight, account) if each is Protocol.SMTP_AUTH else on.get(each) for each in wanted
        }

    async def _assigned(self, sight: Sight, account: str) -> bool | None:
        """Whether the account may sign in: it is assigned, or in a group that is, as a member of its own."""
        principal = await sight.service_principal(self.proof.application)
        address = self._principal_address()
        if not isinstance(principal, ServicePrincipalObject) or address is None:
            return None
        if not principal.assignment_required:
            return True
        assigned, who = await sight.assigned(address), await sight.account(account)
        if isinstance(assigned, NotSeen) or not isinstance(who, str):
            return None
        if any(each.principal_id == who for each in assigned):
            return True
        groups = [each.principal_id for each in assigned if each.principal_type == "Group"]
        members = [await looked("group", directory_groups.direct_members(self.session.graph, each)) for each in groups]
        if any(isinstance(each, frozenset) and who in each for each in members):
            return True
        return None if any(isinstance(each, NotSeen) for each in members) else False

    async def _delegated_consent(self, sight: Sight, account: str) -> bool | None:
        """Whether the account's permissions are granted, for it alone or for everybody."""
        address = self._principal_address()
        if address is None:
            return None
        grants, who = await sight.delegated_grants(address), await sight.account(account)
        if isinstance(grants, NotSeen) or isinstance(who, NotSeen):
            return None
        granted = {scope for each in grants if each.principal_id in (None, who) for scope in each.scopes}
        return granted.issuperset(set(self.proof.scopes) - OF_NO_API)

    def _principal_address(self) -> Address | None:
        """Where the declaration has the application's enterprise application."""
        for each in self.onboarding.declaration.resources:
            if isinstance(each, ServicePrincipal) and each.application == self.proof.application:
                return each.address
        return None

    async def _scope(self, mailbox: str) -> tuple[bool | None, bool | None]:
        """Whether the product has all of its roles, and whether they reach a mailbox: all (True) or none (False)."""
        found = await self.authorization(mailbox)
        if not isinstance(found, tuple):
            return None, None
        places = {each.role.casefold(): each.in_scope for each in found}
        wanted = [each.casefold() for each in self.proof.scoped_roles]
        reached = {places.get(each, False) for each in wanted}
        return places.keys() >= set(wanted), reached.pop() if len(reached) == 1 else None

    async def _unscoped(self, sight: Sight) -> tuple[str, ...] | None:
        """Grants of Entra that cancel the scope, by name; None where they were not seen."""
        for each in self.onboarding.declaration.resources:
            if isinstance(each, UnscopedGrants) and each.application == self.proof.application:
                seen = await kind_of(each).read(each, sight)
                if isinstance(seen.grants, NotSeen):
                    return None
                return tuple(permission.value for permission in unscoped_grants(each, seen))
        return ()

    async def _consent(self, sight: Sight) -> bool | None:
        """Whether every declared grant of the application is there; None where a read was refused."""
        granted = True
        principal = self._principal_address()
        for each in self.onboarding.declaration.resources:
            if isinstance(each, AppRoleGrant) and each.service_principal == principal:
                kind = kind_of(each)
                seen = await kind.read(each, sight)
                if isinstance(seen.grants, NotSeen) or isinstance(seen.resource, NotSeen):
                    return None
                granted = granted and kind.compare(each, seen).reason == "granted"
        return granted

    async def _pointer_state(self, sight: Sight, pointer: ExchangePrincipal | NotSeen | None) -> Pointer | None:
        if isinstance(pointer, NotSeen):
            return None
        if pointer is None:
            return Pointer.MISSING
        principal = await sight.service_principal(self.proof.application)
        if not isinstance(principal, ServicePrincipalObject):
            return None
        return Pointer.RIGHT if pointer.object_id == principal.object_id else Pointer.WRONG_OBJECT_ID

    async def _secret_age(self) -> timedelta | None:
        declared = self.secret
        entry = await self.slot_entry(declared) if declared is not None else None
        return self.session.clock.now() - entry.created if entry is not None else None

    def _age(self, *kinds: type[Declared]) -> timedelta | None:
        """Time since our last change of any such thing."""
        ages = [
            age
            for each in self.onboarding.declaration.resources
            if isinstance(each, kinds) and (age := self._age_of(each.address)) is not None
        ]
        return min(ages) if ages else None

    def _age_on(self, kind: type[MailboxPermission | ClientAccess], mailbox: str) -> timedelta | None:
        """Time since we changed such a thing on that mailbox."""
        for each in self.onboarding.declaration.resources:
            if isinstance(each, kind) and each.mailbox.casefold() == mailbox.casefold():
                return self._age_of(each.address)
        return None

    def _age_of(self, address: Address) -> timedelta | None:
        declaration = self.onboarding.declaration
        done: datetime | None = self.ports.home.receipts.last_done(
            self.session.tenant.name, declaration.playbook, declaration.instance, address
        )
        return self.session.clock.now() - done if done is not None else None


def past_replicas(facts: Facts) -> Facts:
    """The facts, where what we did moments ago (and saw) is not denied by a replica that has not heard of it."""

    def fresh(age: timedelta | None) -> bool:
        return age is not None and age < REPLICAS_AGREE_WITHIN

    def settled(fact: bool | None, age: timedelta | None) -> bool | None:
        return True if fact is False and fresh(age) else fact

    return replace(
        facts,
        consent=settled(facts.consent, facts.consent_age),
        pointer=Pointer.RIGHT if facts.pointer is Pointer.MISSING and fresh(facts.pointer_age) else facts.pointer,
        mailbox_right=settled(facts.mailbox_right, facts.right_age),
        smtp_auth=settled(facts.smtp_auth, facts.smtp_auth_age),
        protocol_on=settled(facts.protocol_on, facts.protocol_age),
        switches={protocol: settled(on, facts.protocol_age) for protocol, on in facts.switches.items()},
        assigned=settled(facts.assigned, facts.assigned_age),
        ews_listed=settled(facts.ews_listed, facts.ews_age),
        ews_enabled=settled(facts.ews_enabled, facts.ews_age),
    )


def _own(account: str | None, mailbox: str) -> bool | None:
    """Whether it is the account's own mailbox, which needs no right; whose other mailbox it may use is not read."""
    return True if account is not None and account.casefold() == mailbox.casefold() else None


def _agent_passes(gates: EwsGates) -> bool:
    """Whether the organisation's lists of user agents let ours through. Entries may have `*` at either end."""

    def named(patterns: tuple[str, ...]) -> bool:
        return any(fnmatch(USER_AGENT.casefold(), each.casefold()) for each in patterns)

    if gates.agent_policy == "EnforceAllowList":
        return named(gates.allowed_agents)
    return not (gates.agent_policy == "EnforceBlockList" and named(gates.blocked_agents))


async def _smtp_auth(sight: Sight, mailbox: str) -> bool | None:
    """Whether SMTP AUTH works for a mailbox; None where we cannot tell."""
    own, organisation = await sight.client_access(mailbox), await sight.transport()
    if not isinstance(own, ClientAccessSettings):
        return None
    if own.smtp_auth_disabled is not None:
        return not own.smtp_auth_disabled
    return not organisation.smtp_auth_disabled if isinstance(organisation, TransportSettings) else None
