"""A product that a person signs in to: what must be there before it, and the link to try it with.

Nobody signs in here, so nothing is proven. The product makes a link of its own, with a state and a proof key that it
alone knows; ours shows whether Entra lets the person in, and ends at the product, which will not know the visit.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from provisioner.model.declaration import Proof
from provisioner.model.declared import Protocol
from provisioner.model.outcome import ProofOutcome, ProofState
from provisioner.probes import words
from provisioner.probes.tools import Facts, ProofTools
from provisioner.probes.weighing import Judgement
from provisioner.signin import by_api, scope_text

SWITCHED_OFF: Mapping[Protocol, str] = {
    Protocol.IMAP: "imap_off",
    Protocol.POP: "pop_off",
    Protocol.SMTP_AUTH: "smtp_auth_off",
}
NAMES: Mapping[Protocol, str] = {Protocol.IMAP: "IMAP", Protocol.POP: "POP", Protocol.SMTP_AUTH: "SMTP AUTH"}

ONLY_BY_SIGNING_IN = "only the sign-in itself shows a lock, a wrong password, a second factor and conditional access"
"""What Graph tells nobody of an account beforehand: it depends on that sign-in, or is kept where no reader gets."""


async def run(proof: Proof, tools: ProofTools) -> ProofOutcome:
    """Read what the sign-in needs, and give the link where nothing is missing."""
    facts = await tools.facts()
    if missing := _missing(facts):
        return words.outcome(proof, Judgement(ProofState.FAILED, missing), f"{proof.account} cannot sign in yet")
    if not facts.redirects:
        what = f"the sign-in of {proof.account} was not tried, and the application was not seen"
        return words.outcome(proof, Judgement(ProofState.NOT_PROVEN), what)
    return words.outcome(
        proof,
        Judgement(ProofState.NOT_PROVEN),
        f"nobody signed in here, only {proof.account} can; {_seen(proof, facts)}",
        advice=f"open the link and sign in as {proof.account}: whether Entra agrees shows before the product is "
        "reached; the product itself makes its own link, so sign in from there to finish",
        link=link(proof, tools, facts.redirects[0]),
    )


def link(proof: Proof, tools: ProofTools, redirect: str) -> str:
    """Where Entra asks a person to sign in to the application, for the permissions of one API."""
    tenant = tools.tenant
    asked = {
        "client_id": tools.app_id,
        "response_type": "code",
        "redirect_uri": redirect,
        "response_mode": "query",
        "scope": " ".join(scope_text(tenant, each) for each in by_api(proof.scopes)[0]),
        "login_hint": proof.account or "",
    }
    path = f"{tenant.endpoints.login}/{quote(tenant.tenant_id, safe='')}/oauth2/v2.0/authorize"
    return f"{path}?{urlencode(asked, quote_via=quote)}"


def _missing(facts: Facts) -> tuple[str, ...]:
    """Preconditions that the tenant shows to be missing."""
    wrong = {
        "account_missing": facts.account_exists is False,
        "account_disabled": facts.account_enabled is False,
        "mailbox_missing": facts.mailbox_exists is False,
        "redirect_missing": facts.redirects == (),
        "requested_not_granted": facts.consent is False,
        "assignment_missing": facts.assigned is False,
        "secret_expired": facts.secret_ended is True,
        "secret_missing": facts.secret_there is False,
        **{SWITCHED_OFF[protocol]: on is False for protocol, on in facts.switches.items()},
    }
    return tuple(cause for cause, missing in wrong.items() if missing)


def _seen(proof: Proof, facts: Facts) -> str:
    """What is known to be right, what was not seen, and what nobody can read. A secret only where there is one."""
    facts_by_name = {"account": facts.account_enabled, "consent": facts.consent, "assignment": facts.assigned}
    if proof.secret is not None:
        facts_by_name["client secret"] = facts.secret_there
    facts_by_name |= {NAMES[protocol]: on for protocol, on in facts.switches.items()}
    there = [name for name, fact in facts_by_name.items() if fact]
    unseen = [name for name, fact in facts_by_name.items() if fact is None]
    parts = [f"in place: {', '.join(['redirect', *there])}"]
    if unseen:
        parts.append(f"not seen: {', '.join(unseen)}")
    if facts.account_federated:
        parts.append("its domain signs in at another identity provider, where the link leads on")
    return "; ".join((*parts, ONLY_BY_SIGNING_IN))
