"""What Exchange itself says a scoped application may do with one mailbox (`Test-ServicePrincipalAuthorization`).

It asks past the cache that sign-ins go through, so it proves a scope hours before the product can be tried. It knows
nothing of Entra's grants, which add up with it; so those are part of the proof.
"""

from __future__ import annotations

from collections.abc import Sequence

from provisioner.model.declaration import Proof
from provisioner.model.observed import NotSeen, RoleAuthorization
from provisioner.model.outcome import ProofOutcome, ProofState
from provisioner.probes import token, words
from provisioner.probes.judge import authorized, unknown_to_exchange
from provisioner.probes.patience import patiently
from provisioner.probes.smtp_submission import mailbox_of
from provisioner.probes.tools import ProofTools
from provisioner.probes.weighing import Judgement


async def run(proof: Proof, tools: ProofTools) -> ProofOutcome:
    """Ask Exchange about one mailbox."""
    mailbox = mailbox_of(proof)

    async def attempt() -> ProofOutcome:
        found = await tools.authorization(mailbox)
        if isinstance(found, NotSeen):
            return words.outcome(proof, Judgement(ProofState.NOT_PROVEN), f"not seen: {found.reason}")
        facts = await tools.facts()
        if found is None:
            what = f"Exchange does not know the application, or not {mailbox}"
            return words.outcome(proof, unknown_to_exchange(facts), what)
        judgement = authorized(found, proof.scoped_roles, within=proof.within is True, facts=facts)
        return words.outcome(proof, judgement, _what(found, proof.scoped_roles, mailbox, facts.unscoped or ()))

    return await patiently(attempt, token.waits_for, tools, proof.title)


def _what(found: Sequence[RoleAuthorization], roles: Sequence[str], mailbox: str, unscoped: Sequence[str]) -> str:
    by_role = {each.role.casefold(): each for each in found}
    said = []
    for role in roles:
        row = by_role.get(role.casefold())
        said.append(f"{role}: {'not assigned' if row is None else _PLACES[row.in_scope]}")
    wide = [f"{each.role} for the whole organisation" for each in found if each.organization_wide]
    wide += [f"{each} granted in Entra for the whole tenant" for each in unscoped]
    return f"{mailbox}: {', '.join(said)}" + (f"; beside it {', '.join(wide)}" if wide else "")


_PLACES = {True: "within the scope", False: "outside the scope", None: "not tried"}
