"""`verify`: prove by really signing in, as the product would. Reads of the tenant only decide between causes."""

from __future__ import annotations

import ssl
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime, timedelta

from provisioner.errors import ProvisionerError, Refused
from provisioner.exchange import mailbox_permissions
from provisioner.graph import Graph, connect, messages
from provisioner.model.declared import (
    Application,
    AppRoleGrant,
    ClientAccess,
    ClientSecret,
    Declared,
    ExchangePointer,
    MailboxPermission,
    ManagementRoleAssignment,
    ManagementScope,
    Proof,
    ProofKind,
    ScopeGroup,
    ServicePrincipal,
    UnscopedGrants,
)
from provisioner.model.identifiers import Address
from provisioner.model.observed import (
    ApplicationObject,
    ClientAccessSettings,
    ExchangePrincipal,
    NotSeen,
    RoleAuthorization,
    ServicePrincipalObject,
    TransportSettings,
)
from provisioner.model.outcome import ProofOutcome, ProofState
from provisioner.model.results import Verified
from provisioner.pace import Deadline
from provisioner.probes import Facts, Pointer, ProofTools, Worked, run
from provisioner.resources import kind_of
from provisioner.resources.client_secret import slot_of
from provisioner.resources.sight import Sight
from provisioner.resources.unscoped_grants import unscoped_grants
from provisioner.signin import OneToken, Token
from provisioner.workflows.onboarding import (
    Onboarding,
    describe,
    look,
    open_onboarding,
    secret_receipts,
    sight_of,
)
from provisioner.workflows.ports import Ports, Session
from provisioner.workflows.requests import Request

SENDING = (ProofKind.SMTP_SUBMISSION, ProofKind.GRAPH_SEND)
"""Proofs whose success is evidence for later ones."""


REPLICAS_AGREE_WITHIN = timedelta(minutes=2)
"""Until then a read that denies our own change may come from a replica that lags (graph.md 3.1: seconds are usual)."""


async def verify(request: Request, ports: Ports) -> Verified:
    """Run every proof of the playbook, one after the other: a success is evidence for the next."""
    onboarding = open_onboarding(request, ports)
    async with ports.connect(request.tenant) as session:
        observation = await look(onboarding, session, only=(Application, ServicePrincipal))
        deadline = Deadline.after(session.clock, request.wait_seconds)
        ended: list[tuple[Proof, ProofOutcome]] = []
        for proof in onboarding.declaration.proofs:
            live = observation.bindings.applications.get(proof.application)
            if live is None:
                ended.append((proof, _nothing_to_prove(proof)))
                continue
            prover = _Prover(onboarding, ports, session, live, proof, _worked(ended, proof.application))
            ended.append((proof, await run(proof, prover.tools(deadline))))
        made = describe(onboarding, session, observation)
        return Verified(made, tuple(outcome for _, outcome in ended), await secret_receipts(onboarding, session))


class _Prover:
    """What one proof is lent."""

    def __init__(
        self,
        onboarding: Onboarding,
        ports: Ports,
        session: Session,
        live: ApplicationObject,
        proof: Proof,
        worked: Worked | None,
    ) -> None:
        self._onboarding = onboarding
        self._ports = ports
        self._session = session
        self._live = live
        self._proof = proof
        self._worked = worked

    def tools(self, deadline: Deadline) -> ProofTools:
        """The tools, bound to this proof."""
        tenant = self._session.tenant
        return ProofTools(
            tenant=tenant,
            app_id=self._live.app_id,
            token=self._token,
            tls=ssl.create_default_context(cafile=tenant.endpoints.ca_file),
            clock=self._session.clock,
            deadline=deadline,
            events=self._ports.events,
            send=self._onboarding.request.send,
            read_back=self._read_back,
            facts=self._facts,
            authorization=self._authorization,
            graph=self._graph,
        )

    async def _token(self, audience: str) -> Token:
        """A fresh token with the stored secret: the current one, or a pending one that nobody has replaced."""
        declared = self._secret()
        slot = slot_of(declared, self._session.tenant.tenant_id, self._onboarding.declaration.onboarding)
        record = (await self._onboarding.sink.load(slot)).record
        entry = (record.current or record.pending) if record is not None else None
        if entry is None or entry.key_id is None:
            raise ProvisionerError(
                f"the sink {self._onboarding.sink.reference} holds no secret for {slot}",
                advice="run `provisioner apply` first, or name the sink it used: --sink",
            )
        secret = await self._onboarding.sink.fetch(slot, entry.key_id)
        return await self._ports.product_sign_in(self._session.tenant, self._live.app_id, secret, audience)

    async def _read_back(self, mailbox: str, message_id: str) -> bool | None:
        """Whether the mail arrived; None where we may not read there, which is the usual case."""
        try:
            return await messages.find(self._session.graph, mailbox, internet_message_id=message_id) is not None
        except Refused:
            return None

    async def _facts(self) -> Facts:
        """Reads of the tenant about this proof and its mailbox."""
        sight = sight_of(self._onboarding, self._session)
        pointer = await self._pointer(sight)
        scoped = bool(self._proof.scoped_roles)
        facts = Facts(
            consent=await self._consent(sight),
            pointer=await self._pointer_state(sight, pointer),
            consent_age=self._age(AppRoleGrant),
            pointer_age=self._age(ExchangePointer),
            secret_age=await self._secret_age(),
            scoped=scoped,
            scope_age=self._age(ManagementRoleAssignment, ManagementScope, ScopeGroup) if scoped else None,
            unscoped=await self._unscoped(sight) if scoped else None,
            works_elsewhere=self._worked,
        )
        mailbox = self._proof.mailbox
        if mailbox is None:
            return _past_replicas(facts)
        rights = await sight.mailbox_rights(mailbox)
        about_mailbox = replace(
            facts,
            mailbox_exists=None if isinstance(rights, NotSeen) else rights is not None,
            mailbox_right=(
                mailbox_permissions.holds(rights, pointer, "FullAccess")
                if isinstance(rights, tuple) and isinstance(pointer, ExchangePrincipal)
                else None
            ),
            smtp_auth=await _smtp_auth(sight, mailbox),
            in_scope=await self._in_scope(mailbox) if scoped else None,
            right_age=self._age_on(MailboxPermission, mailbox),
            smtp_auth_age=self._age_on(ClientAccess, mailbox),
        )
        return _past_replicas(about_mailbox)

    async def _authorization(self, mailbox: str) -> tuple[RoleAuthorization, ...] | NotSeen | None:
        """What Exchange says of a mailbox; asked anew each time."""
        pointer = self._proof.pointer
        return await sight_of(self._onboarding, self._session).authorization(pointer, mailbox) if pointer else None

    async def _in_scope(self, mailbox: str) -> bool | None:
        """Whether every role of the product reaches a mailbox (True), none (False), or it is not known."""
        found = await self._authorization(mailbox)
        if not isinstance(found, tuple):
            return None
        places = {each.role.casefold(): each.in_scope for each in found}
        reached = {places.get(each.casefold(), False) for each in self._proof.scoped_roles}
        return reached.pop() if len(reached) == 1 else None

    async def _unscoped(self, sight: Sight) -> tuple[str, ...] | None:
        """Grants of Entra that cancel the scope, by name; None where they were not seen."""
        for each in self._onboarding.declaration.resources:
            if isinstance(each, UnscopedGrants) and each.application == self._proof.application:
                seen = await kind_of(each).read(each, sight)
                if isinstance(seen.grants, NotSeen):
                    return None
                return tuple(permission.value for permission in unscoped_grants(each, seen))
        return ()

    def _graph(self, token: Token) -> AbstractAsyncContextManager[Graph]:
        """Graph with the product's own token."""
        session = self._session
        return connect(session.tenant, OneToken(token), clock=session.clock, events=self._ports.events)

    def _secret(self) -> ClientSecret:
        return next(
            each
            for each in self._onboarding.declaration.resources
            if isinstance(each, ClientSecret) and each.address == self._proof.secret
        )

    async def _consent(self, sight: Sight) -> bool | None:
        """Whether every declared grant of the application is there; None where a read was refused."""
        granted = True
        for each in self._onboarding.declaration.resources:
            if isinstance(each, AppRoleGrant) and self._of_application(each.service_principal):
                kind = kind_of(each)
                seen = await kind.read(each, sight)
                if isinstance(seen.grants, NotSeen) or isinstance(seen.resource, NotSeen):
                    return None
                granted = granted and kind.compare(each, seen).reason == "granted"
        return granted

    def _of_application(self, service_principal: Address) -> bool:
        return any(
            isinstance(each, ServicePrincipal)
            and each.address == service_principal
            and each.application == self._proof.application
            for each in self._onboarding.declaration.resources
        )

    async def _pointer(self, sight: Sight) -> ExchangePrincipal | NotSeen | None:
        return await sight.pointer(self._proof.application)

    async def _pointer_state(self, sight: Sight, pointer: ExchangePrincipal | NotSeen | None) -> Pointer | None:
        if isinstance(pointer, NotSeen):
            return None
        if pointer is None:
            return Pointer.MISSING
        principal = await sight.service_principal(self._proof.application)
        if not isinstance(principal, ServicePrincipalObject):
            return None
        return Pointer.RIGHT if pointer.object_id == principal.object_id else Pointer.WRONG_OBJECT_ID

    async def _secret_age(self) -> timedelta | None:
        slot = slot_of(self._secret(), self._session.tenant.tenant_id, self._onboarding.declaration.onboarding)
        record = (await self._onboarding.sink.load(slot)).record
        entry = (record.current or record.pending) if record is not None else None
        return self._session.clock.now() - entry.created if entry is not None else None

    def _age(self, *kinds: type[Declared]) -> timedelta | None:
        """Time since our last change of any such thing."""
        ages = [
            age
            for each in self._onboarding.declaration.resources
            if isinstance(each, kinds) and (age := self._age_of(each.address)) is not None
        ]
        return min(ages) if ages else None

    def _age_on(self, kind: type[MailboxPermission | ClientAccess], mailbox: str) -> timedelta | None:
        """Time since we changed such a thing on that mailbox."""
        for each in self._onboarding.declaration.resources:
            if isinstance(each, kind) and each.mailbox.casefold() == mailbox.casefold():
                return self._age_of(each.address)
        return None

    def _age_of(self, address: Address) -> timedelta | None:
        declaration = self._onboarding.declaration
        done: datetime | None = self._ports.home.receipts.last_done(
            self._session.tenant.name, declaration.playbook, declaration.instance, address
        )
        return self._session.clock.now() - done if done is not None else None


def _past_replicas(facts: Facts) -> Facts:
    """The facts, where what we did moments ago (and saw) is not denied by a replica that has not heard of it."""

    def fresh(age: timedelta | None) -> bool:
        return age is not None and age < REPLICAS_AGREE_WITHIN

    return replace(
        facts,
        consent=True if facts.consent is False and fresh(facts.consent_age) else facts.consent,
        pointer=Pointer.RIGHT if facts.pointer is Pointer.MISSING and fresh(facts.pointer_age) else facts.pointer,
        mailbox_right=True if facts.mailbox_right is False and fresh(facts.right_age) else facts.mailbox_right,
        smtp_auth=True if facts.smtp_auth is False and fresh(facts.smtp_auth_age) else facts.smtp_auth,
    )


async def _smtp_auth(sight: Sight, mailbox: str) -> bool | None:
    """Whether SMTP AUTH works for a mailbox; None where we cannot tell."""
    own, organisation = await sight.client_access(mailbox), await sight.transport()
    if not isinstance(own, ClientAccessSettings):
        return None
    if own.smtp_auth_disabled is not None:
        return not own.smtp_auth_disabled
    return not organisation.smtp_auth_disabled if isinstance(organisation, TransportSettings) else None


def _worked(ended: list[tuple[Proof, ProofOutcome]], application: Address) -> Worked | None:
    """How far the product came in earlier proofs of this run: evidence that consent, pointer and secret are live."""
    sending = [outcome for proof, outcome in ended if proof.application == application and proof.kind in SENDING]
    if any(each.state is ProofState.PASSED for each in sending):
        return Worked.ACCEPTED
    return Worked.SIGNED_IN if any(each.signed_in for each in sending) else None


def _nothing_to_prove(proof: Proof) -> ProofOutcome:
    return ProofOutcome(
        proof.name,
        proof.title,
        ProofState.FAILED,
        "the application is not there",
        advice="run `provisioner apply` first",
    )
