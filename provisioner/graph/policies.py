"""Policies that decide who may sign in: security defaults and conditional access. Read only.

Source: graph.md 2.8; names of conditions and controls: microsoft-graph-docs, conditionalAccessConditionSet and
conditionalAccessGrantControls.
"""

from __future__ import annotations

from provisioner.graph.connection import Graph
from provisioner.graph.reading import Json, maybe_flag, maybe_text, member, text, texts
from provisioner.graph.rights import READ_POLICIES
from provisioner.graph.sdk import query
from provisioner.model.policies import Choice, ConditionalAccessPolicy

SELECT = ["id", "displayName", "state", "conditions", "grantControls", "sessionControls"]


async def security_defaults(graph: Graph) -> bool:
    """Whether security defaults are on."""
    builder = graph.client.policies.identity_security_defaults_enforcement_policy
    found = await graph.read(builder.to_get_request_information(query(builder, select=["isEnabled"])), READ_POLICIES)
    return found.get("isEnabled") is True


async def conditional_access(graph: Graph) -> tuple[ConditionalAccessPolicy, ...]:
    """Every conditional access policy, in whatever state."""
    builder = graph.client.identity.conditional_access.policies
    found = await graph.pages(builder.to_get_request_information(query(builder, select=SELECT)), READ_POLICIES)
    return tuple(_parse(each) for each in found)


def _parse(found: Json) -> ConditionalAccessPolicy:
    conditions = member(found, "conditions")
    people, applications = member(conditions, "users"), member(conditions, "applications")
    workloads = member(conditions, "clientApplications")
    return ConditionalAccessPolicy(
        policy_id=text(found, "id"),
        name=maybe_text(found, "displayName") or "",
        state=maybe_text(found, "state") or "",
        users=_choice(people, "Users"),
        groups=_choice(people, "Groups"),
        roles=_choice(people, "Roles"),
        workloads=_choice(workloads, "ServicePrincipals"),
        workloads_filtered=bool(member(workloads, "servicePrincipalFilter")),
        applications=_choice(applications, "Applications"),
        actions=bool(
            texts(applications, "includeUserActions")
            or texts(applications, "includeAuthenticationContextClassReferences")
        ),
        client_kinds=frozenset(texts(conditions, "clientAppTypes")),
        places=_choice(member(conditions, "locations"), "Locations"),
        circumstances=_circumstances(conditions),
        flows=_listed(member(conditions, "authenticationFlows").get("transferMethods")),
        controls=_controls(member(found, "grantControls")),
        frequency=_frequency(member(member(found, "sessionControls"), "signInFrequency")),
    )


def _choice(conditions: Json, noun: str) -> Choice:
    """Ids in lower case; Microsoft's own words, which are no ids, as they are."""

    def named(verb: str) -> frozenset[str]:
        return frozenset(
            each.lower() if "-" in each else each for each in texts(conditions, f"{verb}{noun}") if each != "None"
        )

    return Choice(named("include"), named("exclude"))


def _circumstances(conditions: Json) -> tuple[str, ...]:
    """What a policy depends on that nobody can foretell."""
    platforms = texts(member(conditions, "platforms"), "includePlatforms")
    risks = ("signInRiskLevels", "userRiskLevels", "servicePrincipalRiskLevels", "insiderRiskLevels")
    found = []
    if any(_listed(conditions.get(each)) for each in risks):
        found.append("the risk that Microsoft sees in the sign-in")
    if platforms and "all" not in platforms:
        found.append("the platform that the sign-in comes from")
    if member(conditions, "devices"):
        found.append("the device that the sign-in comes from")
    return tuple(found)


def _controls(grant: Json) -> tuple[str, ...]:
    strength = ("authenticationStrength",) if member(grant, "authenticationStrength") else ()
    terms = ("termsOfUse",) if texts(grant, "termsOfUse") else ()
    other = ("customAuthenticationFactors",) if texts(grant, "customAuthenticationFactors") else ()
    return (*texts(grant, "builtInControls"), *strength, *terms, *other)


def _frequency(session: Json) -> str | None:
    if maybe_flag(session, "isEnabled") is not True:
        return None
    if maybe_text(session, "frequencyInterval") == "everyTime":
        return "each time anew"
    return f"{session.get('value')} {maybe_text(session, 'type') or ''}".strip()


def _listed(value: object) -> frozenset[str]:
    """A list of texts, or texts with commas between them, as Graph writes flags."""
    found = value if isinstance(value, list) else value.split(",") if isinstance(value, str) else []
    return frozenset(each.strip() for each in found if isinstance(each, str)) - {"", "none"}
