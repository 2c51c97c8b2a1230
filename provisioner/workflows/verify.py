"""`verify`: prove by really signing in, as the product would. Reads of the tenant only decide between causes."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from provisioner.errors import ProvisionerError, Refused
from provisioner.graph import Graph, connect, messages
from provisioner.model.declaration import Proof, ProofKind, UntriedProof
from provisioner.model.declared import Application, ClientSecret, ServicePrincipal
from provisioner.model.outcome import ProofOutcome, ProofState
from provisioner.model.results import Verified
from provisioner.model.secret import Secret
from provisioner.pace import Deadline
from provisioner.probes import NoPassword, ProofTools, Worked, run
from provisioner.resources.client_secret import slot_of
from provisioner.signin import OneToken, Token
from provisioner.workflows.account_sign_ins import AccountSignIns
from provisioner.workflows.facts import FactReader
from provisioner.workflows.onboarding import describe, look, open_onboarding, secret_receipts
from provisioner.workflows.ports import Ports
from provisioner.workflows.requests import Request

EVIDENCE: Mapping[ProofKind, tuple[ProofKind, ...]] = {
    ProofKind.MAILBOX_REFUSED: (ProofKind.SMTP_SUBMISSION,),
    ProofKind.EWS_REFUSED: (ProofKind.EWS_FOLDER,),
    ProofKind.IMAP_REFUSED: (ProofKind.IMAP_INBOX,),
}
"""Proofs whose success is evidence for a later one: that a refusal elsewhere is about that mailbox alone. Over Graph
each right has a proof of its own, and is evidence for itself only: see `proven_before`."""


async def verify(request: Request, ports: Ports) -> Verified:
    """Run every proof of the playbook, one after the other: a success is evidence for the next."""
    onboarding = open_onboarding(request, ports)
    async with ports.connect(request.tenant) as session:
        observation = await look(onboarding, session, only=(Application, ServicePrincipal))
        deadline = Deadline.after(session.clock, request.wait_seconds)
        accounts = AccountSignIns(ports, session.tenant, session.clock)
        ended: list[tuple[Proof, ProofOutcome]] = []
        for proof in onboarding.declaration.proofs:
            live = observation.bindings.applications.get(proof.application)
            if live is None:
                ended.append((proof, _nothing_to_prove(proof)))
                continue
            worked, proven = worked_before(ended, proof), proven_before(ended, proof)
            reader = FactReader(onboarding, ports, session, live, proof, worked, proven)
            ended.append((proof, await run(proof, _Prover(reader, accounts).tools(deadline))))
        made = describe(onboarding, session, observation)
        outcomes = (*(outcome for _, outcome in ended), *(_untried(each) for each in onboarding.declaration.untried))
        return Verified(made, outcomes, await secret_receipts(onboarding, session), sent=request.send)


@dataclass(frozen=True)
class _Prover:
    """What one proof is lent."""

    reader: FactReader
    accounts: AccountSignIns

    def tools(self, deadline: Deadline) -> ProofTools:
        """The tools, bound to this proof."""
        reader = self.reader
        tenant = reader.session.tenant
        return ProofTools(
            tenant=tenant,
            app_id=reader.live.app_id,
            token=self._token,
            account_token=self._account_token,
            tls=ssl.create_default_context(cafile=tenant.endpoints.ca_file),
            clock=reader.session.clock,
            deadline=deadline,
            events=reader.ports.events,
            send=reader.onboarding.request.send,
            read_back=self._read_back,
            facts=reader.read,
            authorization=reader.authorization,
            graph=self._graph,
        )

    async def _token(self, audience: str) -> Token:
        """A fresh token with the stored secret."""
        reader = self.reader
        declared = reader.secret
        if declared is None:
            raise ProvisionerError(f"proof {reader.proof.name} has no secret to sign in with")
        secret = await self._stored(declared)
        return await reader.ports.product_sign_in(reader.session.tenant, reader.live.app_id, secret, audience)

    async def _account_token(self, scopes: tuple[str, ...]) -> Token:
        """The account's token with its password, and the stored secret where the product has one."""
        reader = self.reader
        account, password = reader.proof.account, reader.proof.password
        if account is None or password is None:
            raise ProvisionerError(f"proof {reader.proof.name} names no account with a password")
        reference = dict(reader.onboarding.declaration.parameters).get(password)
        if reference is None:
            raise NoPassword(f"the parameter {password} names none")
        secret = await self._stored(reader.secret) if reader.secret is not None else None
        return await self.accounts.token(
            reader.live.app_id, secret, account=account, reference=reference, scopes=scopes
        )

    async def _stored(self, declared: ClientSecret) -> Secret:
        """The stored secret: the current one, or a pending one that nobody has replaced."""
        reader = self.reader
        onboarding = reader.onboarding
        slot = slot_of(declared, reader.session.tenant.tenant_id, onboarding.declaration.onboarding)
        entry = await reader.slot_entry(declared)
        if entry is None or entry.key_id is None:
            raise ProvisionerError(
                f"the sink {onboarding.sink.reference} holds no secret for {slot}",
                advice="run `provisioner apply` first, or name the sink it used: --sink",
            )
        return await onboarding.sink.fetch(slot, entry.key_id)

    async def _read_back(self, mailbox: str, message_id: str) -> bool | None:
        """Whether the mail arrived; None where we may not read there, which is the usual case."""
        try:
            found = await messages.find(self.reader.session.graph, mailbox, internet_message_id=message_id)
        except Refused:
            return None
        return found is not None

    def _graph(self, token: Token) -> AbstractAsyncContextManager[Graph]:
        """Graph with the product's own token."""
        session = self.reader.session
        return connect(session.tenant, OneToken(token), clock=session.clock, events=self.reader.ports.events)


def worked_before(ended: Sequence[tuple[Proof, ProofOutcome]], proof: Proof) -> Worked | None:
    """How far the product came in earlier proofs of this run: evidence that consent, pointer and secret are live."""
    kinds = EVIDENCE.get(proof.kind, ())
    alike = [outcome for each, outcome in ended if each.application == proof.application and each.kind in kinds]
    if any(each.state is ProofState.PASSED for each in alike):
        return Worked.ACCEPTED
    return Worked.SIGNED_IN if any(each.signed_in for each in alike) else None


def proven_before(ended: Sequence[tuple[Proof, ProofOutcome]], proof: Proof) -> frozenset[ProofKind]:
    """Kinds of proof that passed before in this run, for the same application: the rights that it has used."""
    alike = [(each.kind, outcome) for each, outcome in ended if each.application == proof.application]
    passed = {kind for kind, outcome in alike if outcome.state is ProofState.PASSED}
    # where it must not send, the proof of sending reads in the mailbox
    read = {ProofKind.GRAPH_MAIL for kind, outcome in alike if kind is ProofKind.GRAPH_SEND and outcome.signed_in}
    return frozenset(passed | read)


def _untried(untried: UntriedProof) -> ProofOutcome:
    return ProofOutcome(
        untried.name,
        untried.title,
        ProofState.NOT_PROVEN,
        f"not tried, since {untried.parameter} has no value",
        advice=f"to have it tried: --set {untried.parameter}=... ({untried.wanted})",
    )


def _nothing_to_prove(proof: Proof) -> ProofOutcome:
    return ProofOutcome(
        proof.name,
        proof.title,
        ProofState.FAILED,
        "the application is not there",
        advice="run `provisioner apply` first",
    )
