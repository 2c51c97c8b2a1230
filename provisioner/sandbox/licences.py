"""What the tenant has bought, and what of it a person has: subscriptions, their service plans, assigned licences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from provisioner.sandbox.ledger import mark
from provisioner.sandbox.store import Document, Transaction

COLLECTION: Final = "subscribedSkus"
BUSINESS_PREMIUM: Final = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"
ENTRA_P2: Final = "84a661c4-e949-4bd2-a560-ed7766fcaf2b"

# Service plan id, its name, and the service as assignedPlans name it.
_EXCHANGE: Final = ("9aaf7827-d63c-4b61-89c3-182f06f82e5c", "EXCHANGE_S_STANDARD", "exchange")
_P1: Final = ("41781fb2-bc02-4b7c-bd55-b576c07bb09d", "AAD_PREMIUM", "AADPremiumService")
_P2: Final = ("eec0eb4f-6444-4f95-aba0-50c24d67f998", "AAD_PREMIUM_P2", "AADPremiumService")
_SKUS: Final = {
    BUSINESS_PREMIUM: ("SPB", (_EXCHANGE, _P1)),
    ENTRA_P2: ("AAD_PREMIUM_P2", (_P1, _P2)),
}
_BOUGHT: Final = 25

mark(
    "Licences are subscriptions with service plans; Exchange is a plan of one, Entra ID P1 and P2 are plans of others",
    source="ids and names: Microsoft's list of product names and service plan identifiers; only the plans that matter "
    "here are listed",
    if_wrong="a missing licence is not found, or one is missed that is there",
)


def plan_names(tx: Transaction) -> frozenset[str]:
    """Names of the service plans the tenant may use now."""
    return frozenset(
        plan["servicePlanName"]
        for sku in tx.view(COLLECTION)
        if sku["capabilityStatus"] in ("Enabled", "Warning")
        for plan in sku["servicePlans"]
    )


def has_p2(tx: Transaction) -> bool:
    """True when Privileged Identity Management is paid for."""
    return _P2[1] in plan_names(tx)


def subscriptions(tenant_id: str, tenant_name: str, users: Iterable[Document]) -> list[Document]:
    """The subscriptions of a fresh tenant, the licences of these users counted."""
    held = [each["skuId"] for user in users for each in user["assignedLicenses"]]
    return [
        {
            "accountName": tenant_name,
            "accountId": tenant_id,
            "appliesTo": "User",
            "capabilityStatus": "Enabled",
            "consumedUnits": held.count(sku_id),
            "id": f"{tenant_id}_{sku_id}",
            "skuId": sku_id,
            "skuPartNumber": name,
            "subscriptionIds": [],
            "prepaidUnits": {"enabled": _BOUGHT, "suspended": 0, "warning": 0, "lockedOut": 0},
            "servicePlans": _service_plans(sku_id),
        }
        for sku_id, (name, _) in _SKUS.items()
    ]


def given(skus: Iterable[str], since: str) -> dict[str, Any]:
    """``assignedLicenses`` and ``assignedPlans`` of a person with these subscriptions."""
    chosen = list(skus)
    return {
        "assignedLicenses": [{"disabledPlans": [], "skuId": each} for each in chosen],
        "assignedPlans": [
            {"assignedDateTime": since, "capabilityStatus": "Enabled", "service": service, "servicePlanId": plan_id}
            for plan_id, _, service in dict.fromkeys(plan for each in chosen for plan in _SKUS[each][1])
        ],
    }


def details(tx: Transaction, user: Document) -> list[Document]:
    """A person's ``licenseDetails``: one for each subscription, plans that were switched off shown so."""
    known = {each["skuId"]: each for each in tx.view(COLLECTION)}
    found = []
    for licence in user.get("assignedLicenses") or ():
        sku = known.get(licence["skuId"])
        if sku is None:
            continue
        plans = [
            {**plan, "provisioningStatus": "Disabled"} if plan["servicePlanId"] in licence["disabledPlans"] else plan
            for plan in sku["servicePlans"]
        ]
        shown = {"skuId": sku["skuId"], "skuPartNumber": sku["skuPartNumber"], "servicePlans": plans}
        found.append({"id": f"{user['id']}_{sku['skuId']}", **shown})
    return found


def _service_plans(sku_id: str) -> list[Document]:
    return [
        {
            "servicePlanId": plan_id,
            "servicePlanName": name,
            "provisioningStatus": "Success",
            "appliesTo": "User",
        }
        for plan_id, name, _ in _SKUS[sku_id][1]
    ]
