"""What stands between a person and a token beside the password: assignment, security defaults, conditional access.

A person at a browser can do more than a product with a password: the second factor is taken as done there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.entra import groups, principals
from provisioner.sandbox.entra.errors import SignInError, invalid_grant
from provisioner.sandbox.first_party import EXCHANGE_ONLINE, MICROSOFT_GRAPH
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document, Transaction

Way = Literal["browser", "device", "password", "refresh"]
"""How the person comes in: at the authorisation page, by device code, by user name and password, by refresh token."""

_OFFICE = frozenset((EXCHANGE_ONLINE, MICROSOFT_GRAPH))
_SECONDS = {"hours": 3600.0, "days": 86400.0}


@behaviour(
    "Where assignment is required, an unassigned person gets AADSTS50105, roles or not; a group's assignment counts "
    "for its direct members",
    source="text in many public reports ('not a direct member of a group with access'); OAuth error name unverified",
    if_wrong="a person who was not assigned is looked for in consent",
)
def check_assignment(sandbox: Sandbox, tx: Transaction, client: Document, user: Document) -> None:
    """SignInError unless the person is assigned to the application, where that is required."""
    if not client.get("appRoleAssignmentRequired"):
        return
    moment = sandbox.sign_in_as_of("consent", client["id"])
    assigned = {
        each["principalId"]
        for each in tx.view("appRoleAssignments", as_of=moment)
        if each["resourceId"] == client["id"]
    }
    if user["id"] in assigned or not assigned.isdisjoint(groups.direct_groups(tx, user["id"], moment)):
        return
    raise invalid_grant(
        50105,
        f"Your administrator has configured the application {client['displayName']} ('{client['appId']}') to block"
        f" users unless they are specifically granted ('assigned') access to the application. The signed in user"
        f" '{user['userPrincipalName']}' is blocked because they are not a direct member of a group with access, nor"
        " had access directly assigned by an administrator. Please contact your administrator to assign access to"
        " this application.",
    )


@behaviour(
    "Security defaults refuse user name with password, and device codes: AADSTS530035",
    source="code and text graph.md 3.3 V: ED; device codes: many public reports; for passwords unverified (50076 or "
    "50079 would do as well)",
    if_wrong="security defaults are not named as the cause",
)
def check_security_defaults(tx: Transaction, way: Way) -> None:
    """SignInError when security defaults keep this way closed."""
    defaults = tx.get("policies", "identitySecurityDefaultsEnforcementPolicy") or {}
    if defaults.get("isEnabled") and way in ("password", "device"):
        raise SignInError(
            400,
            "invalid_grant",
            530035,
            "Access has been blocked by security defaults. This is due to the request using legacy auth or being"
            " deemed unsafe by security defaults policies.",
            suberror="message_only",
        )


@behaviour(
    "Enabled conditional access policies count by person, role, resource and client kind; block is AADSTS53003, a "
    "second factor 50076, another control 53000; the caller's address is in no named location",
    source="graph.md 3.3 V: ED (codes); evaluation simplified: groups, platforms, risk and devices are not played",
    if_wrong="a policy that blocks the product is not found, or one that does not is blamed",
)
def check_conditional_access(
    sandbox: Sandbox, tx: Transaction, user: Document, resource_id: str, way: Way, signed_in_at: float
) -> None:
    """SignInError when a policy refuses this person at this resource (its application id), coming in this way."""
    for policy in tx.view("conditionalAccessPolicies"):
        if policy["state"] != "enabled" or not _applies(tx, policy, user, resource_id, way):
            continue
        _check_controls(policy.get("grantControls") or {}, way)
        if way == "refresh":
            _check_frequency(policy.get("sessionControls") or {}, sandbox.clock.now() - signed_in_at)


@behaviour(
    "Conditional access reaches an application's own sign-in by policies for workload identities only; they can but "
    "block, and only applications of this tenant: AADSTS53003. Policies for people never do",
    source="field-notes.md 2 [S] (single-tenant applications, Workload ID Premium); evaluation simplified, the OAuth "
    "error name unverified",
    if_wrong="a policy for people is blamed for an application, or one for applications is not found",
)
def check_workload(tx: Transaction, client: Document, resource_id: str) -> None:
    """SignInError when a policy blocks this service principal at this resource (its application id)."""
    if client["servicePrincipalType"] != "Application" or client["signInAudience"] != "AzureADMyOrg":
        return  # managed identities and other organisations' applications are out of reach
    for policy in tx.view("conditionalAccessPolicies"):
        conditions: Mapping[str, Any] = policy["conditions"]
        clients: Mapping[str, Any] = conditions.get("clientApplications") or {}
        meant = _names(clients.get("includeServicePrincipals"), client["id"], "ServicePrincipalsInMyTenant")
        spared = _names(clients.get("excludeServicePrincipals"), client["id"])
        if policy["state"] != "enabled" or not meant or spared or not _at(conditions, resource_id):
            continue
        if "block" in ((policy.get("grantControls") or {}).get("builtInControls") or ()):
            raise _blocked()


def _applies(tx: Transaction, policy: Document, user: Document, resource_id: str, way: Way) -> bool:
    conditions: Mapping[str, Any] = policy["conditions"]
    people: Mapping[str, Any] = conditions.get("users") or {}
    roles = set(principals.role_templates(tx, user["id"]))
    named = _names(people.get("includeUsers"), user["id"], "All") or bool(roles & set(people.get("includeRoles") or ()))
    spared = _names(people.get("excludeUsers"), user["id"]) or bool(roles & set(people.get("excludeRoles") or ()))
    kind = "browser" if way == "browser" else "mobileAppsAndDesktopClients"
    kinds = conditions.get("clientAppTypes") or ["all"]
    return named and not spared and _at(conditions, resource_id) and _names(kinds, kind, "all")


def _at(conditions: Mapping[str, Any], resource_id: str) -> bool:
    """True when the policy is about this resource, wherever the caller is."""
    targets: Mapping[str, Any] = conditions.get("applications") or {}
    office = ("Office365",) if resource_id in _OFFICE else ()
    meant = _names(targets.get("includeApplications"), resource_id, "All", *office)
    exempt = _names(targets.get("excludeApplications"), resource_id, *office)
    places: Mapping[str, Any] = conditions.get("locations") or {}
    return meant and not exempt and (not places or _names(places.get("includeLocations"), "All"))


def _blocked() -> SignInError:
    text = "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."
    return SignInError(400, "invalid_grant", 53003, text, suberror="message_only")


def _check_controls(controls: Mapping[str, Any], way: Way) -> None:
    wanted = set(controls.get("builtInControls") or ())
    if "block" in wanted:
        raise _blocked()
    if not wanted:
        return
    alternatives = controls.get("operator") == "OR"
    done = {"mfa"} if way != "password" else set()
    if (alternatives and wanted & done) or wanted <= done:
        return
    if "mfa" in wanted - done:
        raise SignInError(
            400,
            "interaction_required",
            50076,
            "Due to a configuration change made by your administrator, or because you moved to a new location, you must"
            " use multi-factor authentication to access the resource.",
            suberror="basic_action",
        )
    text = "Device is not in required device state. Conditional Access policy requires a compliant device."
    raise SignInError(400, "interaction_required", 53000, text, suberror="message_only")


@behaviour(
    "Older than the policy's sign-in frequency: AADSTS70043",
    source="graph.md 3.3 V: ED; field-notes.md 4 (XCALLY)",
    if_wrong="a dead sign-in is retried",
)
def _check_frequency(controls: Mapping[str, Any], age: float) -> None:
    frequency: Mapping[str, Any] = controls.get("signInFrequency") or {}
    if not frequency.get("isEnabled"):
        return
    allowed = float(frequency.get("value") or 0) * _SECONDS.get(str(frequency.get("type")), 0.0)
    if age > allowed:
        raise invalid_grant(
            70043,
            "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access.",
            suberror="token_expired",
        )


def _names(listed: Iterable[str] | None, *wanted: str) -> bool:
    return not set(listed or ()).isdisjoint(wanted)
