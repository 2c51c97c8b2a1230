"""Which conditional access policies would hit a product's sign-in, each explained in a sentence. Pure.

Only what applies is told. What a policy depends on that nobody can foretell (an address, a risk, a device) makes it a
warning, and is said. Sources: entra-docs, conditional access (conditions, grant controls, workload identities, and that
user name with password counts as a client of mobile apps and desktop); codes: graph.md 3.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from provisioner.model.identifiers import EXCHANGE_APP_ID, GRAPH_APP_ID, AppId
from provisioner.model.observed import NotSeen
from provisioner.model.policies import Choice, ConditionalAccessPolicy
from provisioner.model.preflight import Finding, Severity
from provisioner.workflows.mailbox_facts import Way

WHO = ("Conditional Access Administrator", "Security Administrator")
ENFORCED, REPORTED = "enabled", "enabledForReportingButNotEnforced"
ALL_OF_THIS_TENANT = "ServicePrincipalsInMyTenant"
OFFICE = frozenset({GRAPH_APP_ID, EXCHANGE_APP_ID})
"""What the group of applications that Microsoft calls Office365 has in it, of those that our products use."""

CLIENT_KIND: Mapping[Way, str] = MappingProxyType({Way.PASSWORD: "mobileAppsAndDesktopClients", Way.BROWSER: "browser"})

IN_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "mfa": "multifactor authentication",
        "authenticationStrength": "a certain strength of authentication",
        "compliantDevice": "a compliant device",
        "domainJoinedDevice": "a hybrid joined device",
        "approvedApplication": "an approved app",
        "compliantApplication": "an app with a protection policy",
        "passwordChange": "a new password",
        "termsOfUse": "consent to terms of use",
        "customAuthenticationFactors": "another provider's check",
    }
)

A_PERSON_CAN = frozenset({"mfa", "authenticationStrength", "termsOfUse", "passwordChange"})
"""What somebody at a browser does in passing."""


@dataclass(frozen=True)
class SignsIn:
    """An account, with what policies choose it by."""

    account: str
    way: Way
    object_id: str
    groups: Mapping[str, bool | None] = field(default_factory=dict)
    """Groups that policies name, and whether the account is in them; None where that was not seen."""
    roles: frozenset[str] | None = frozenset()
    """Template ids of its directory roles; None where they were not seen."""


def in_force(
    policies: Iterable[ConditionalAccessPolicy], apis: frozenset[AppId]
) -> tuple[ConditionalAccessPolicy, ...]:
    """Those that are switched on, if only to report, and are about signing in to one of these APIs."""
    return tuple(
        each
        for each in policies
        if each.state in (ENFORCED, REPORTED) and not each.actions and not each.flows and _is_about(each, apis)
    )


def hits_account(policy: ConditionalAccessPolicy, who: SignsIn) -> Iterator[Finding]:
    """What a policy in force means for a sign-in as an account."""
    kinds = policy.client_kinds - {"all"}
    if kinds and CLIENT_KIND[who.way] not in kinds:
        return
    chosen = _chooses(policy, who)
    if chosen is False:
        return
    doubts = (*(() if chosen else ("membership in its groups or roles, which was not seen",)), *_doubts(policy))
    hindrances = [each for each in policy.controls if who.way is Way.PASSWORD or each not in A_PERSON_CAN]
    if hindrances:
        yield _hit(policy, who.account, _demand(hindrances), _why(hindrances, who), doubts)
    elif who.way is Way.BROWSER and policy.frequency is not None:
        yield Finding(
            "sign_in_frequency",
            Severity.WARNS,
            who.account,
            f'the conditional access policy "{policy.name}" makes a sign-in hold {policy.frequency}',
            "after that the product's own session ends (AADSTS70043) and a person must sign in for it again: leave "
            "this account out of the policy",
            WHO,
        )


def hits_application(policy: ConditionalAccessPolicy, name: str, principal_id: str | None) -> Iterator[Finding]:
    """What a policy in force means for an application that signs in as itself. `principal_id`: None before it is there.

    Only policies for workload identities reach one, and all they can do is block (field-notes.md 2).
    """
    included, excluded = policy.workloads.included, policy.workloads.excluded
    meant = ALL_OF_THIS_TENANT in included or (principal_id is not None and principal_id in included)
    if not meant or (principal_id is not None and principal_id in excluded) or "block" not in policy.controls:
        return
    filtered = ("a filter over attributes of applications",) if policy.workloads_filtered else ()
    why = "a blocked application gets no token (AADSTS53003): leave it out, or let the product's address in"
    yield _hit(policy, name, "blocks", why, (*filtered, *_doubts(policy)))


def defaults_refuse(account: str) -> Finding:
    """What security defaults mean for a sign-in with a password."""
    return Finding(
        "security_defaults",
        Severity.STOPS,
        account,
        "security defaults are on: they ask every account for multifactor authentication",
        "a product that sends a password cannot answer (AADSTS530035, 50076 or 50079). Do not just switch them off: "
        "conditional access (Microsoft Entra ID P1) can ask everybody else and leave out this one account; without "
        "that licence talk to the vendor",
        WHO,
    )


def unseen(about: str, what: str, seen: NotSeen) -> Finding:
    """That policies were not seen, and so may be there."""
    return Finding("not_seen", Severity.NOT_SEEN, about, f"{what} was not seen", seen.reason, seen.who_can)


def _is_about(policy: ConditionalAccessPolicy, apis: frozenset[AppId]) -> bool:
    def names(listed: frozenset[str]) -> frozenset[AppId]:
        everything = apis if "All" in listed else frozenset()
        office = apis & OFFICE if "Office365" in listed else frozenset()
        return everything | office | (apis & listed)

    return bool(names(policy.applications.included) - names(policy.applications.excluded))


def _chooses(policy: ConditionalAccessPolicy, who: SignsIn) -> bool | None:
    """Whether a policy is for an account; None where that hangs on what was not seen."""
    included = _among(who, policy.users.included, policy.groups.included, policy.roles.included)
    excluded = _among(who, policy.users.excluded, policy.groups.excluded, policy.roles.excluded)
    if included is False or excluded is True:
        return False
    return True if included and excluded is False else None


def _among(who: SignsIn, users: frozenset[str], groups: frozenset[str], roles: frozenset[str]) -> bool | None:
    if "All" in users or who.object_id in users:
        return True
    known = [who.groups.get(each) for each in groups]
    if any(known) or (who.roles is not None and who.roles & roles):
        return True
    return None if None in known or (roles and who.roles is None) else False


def _doubts(policy: ConditionalAccessPolicy) -> tuple[str, ...]:
    return (*_of_place(policy.places), *policy.circumstances)


def _of_place(places: Choice) -> tuple[str, ...]:
    if places.excluded:
        return ("the address it comes from: some places are left out",)
    return ("the address it comes from: only some places are meant",) if places.included - {"All"} else ()


def _demand(controls: list[str]) -> str:
    if "block" in controls:
        return "blocks"
    words = [IN_WORDS.get(each, each) for each in controls]
    *first, last = words
    return f"asks for {', '.join(first)} and {last} of" if first else f"asks for {last} of"


def _why(hindrances: list[str], who: SignsIn) -> str:
    if who.way is Way.BROWSER:
        return "whoever signs in for the product must meet that, and the product's server after him"
    code = "53003" if "block" in hindrances else "50076, 50079 or 53000"
    return (
        f"a product that sends a password cannot answer (AADSTS{code}): leave out this one account, and let a second "
        "policy block it everywhere but at the product's address"
    )


def _hit(policy: ConditionalAccessPolicy, about: str, demand: str, why: str, doubts: tuple[str, ...]) -> Finding:
    depends = f", depending on {' and '.join(doubts)}" if doubts else ""
    said = f'the conditional access policy "{policy.name}" {demand} this sign-in{depends}'
    if policy.state == REPORTED:
        said += "; so far it only reports"
    certain = policy.state == ENFORCED and not doubts
    return Finding("conditional_access", Severity.STOPS if certain else Severity.WARNS, about, said, why, WHO)
