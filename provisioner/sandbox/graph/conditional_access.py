"""Conditional access policies: read only. They are planted; a fresh tenant has none."""

from __future__ import annotations

from provisioner.sandbox.graph import authorise
from provisioner.sandbox.graph.call import Call, Reply, entity, listing
from provisioner.sandbox.graph.paths import Key
from provisioner.sandbox.ledger import behaviour

_COLLECTION = "conditionalAccessPolicies"
_PATH = "identity/conditionalAccess/policies"


@behaviour(
    "Policies are read with Policy.Read.All; a person needs a reading role beside it",
    source="graph.md 2.9 V: DX permissions.json; roles unverified",
    if_wrong="a preflight promises what the tenant refuses",
)
def list_policies(call: Call) -> Reply:
    """``GET /identity/conditionalAccess/policies``."""
    authorise.require(call, authorise.READ_POLICIES, roles=authorise.POLICY_READERS)
    found = call.tx.view(_COLLECTION, as_of=call.as_of)
    return listing(call, "conditionalAccessPolicy", _PATH, found, path=_PATH)


def get_policy(call: Call, key: Key) -> Reply:
    """``GET /identity/conditionalAccess/policies/{id}``."""
    authorise.require(call, authorise.READ_POLICIES, roles=authorise.POLICY_READERS)
    return entity(call, "conditionalAccessPolicy", _PATH, call.find(_COLLECTION, key))
