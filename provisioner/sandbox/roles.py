"""Directory roles by their template ids, which are the same in every tenant."""

from __future__ import annotations

import base64
import uuid

from provisioner.sandbox.ledger import behaviour, mark

GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
PRIVILEGED_ROLE_ADMINISTRATOR = "e8611ab8-c189-46e8-94e1-60213ab1f814"
CLOUD_APPLICATION_ADMINISTRATOR = "158c047a-c907-4556-b7ef-446551a6b5f7"
APPLICATION_ADMINISTRATOR = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"
APPLICATION_DEVELOPER = "cf1c38e5-3621-4004-a7cb-879624dced7c"
EXCHANGE_ADMINISTRATOR = "29232cdf-9323-42fd-ade2-1d097af3e4de"
EXCHANGE_RECIPIENT_ADMINISTRATOR = "31392ffb-586c-42d1-9346-e59415a2cc4e"
SECURITY_ADMINISTRATOR = "194ae4cb-b126-40b2-bd5b-6091b380977d"
SECURITY_READER = "5d6b6bb7-de71-4623-b4af-96380a352509"
GLOBAL_READER = "f2ef992c-3afb-46b9-b7cf-a126ee74c451"

TITLES = {
    GLOBAL_ADMINISTRATOR: "Global Administrator",
    PRIVILEGED_ROLE_ADMINISTRATOR: "Privileged Role Administrator",
    CLOUD_APPLICATION_ADMINISTRATOR: "Cloud Application Administrator",
    APPLICATION_ADMINISTRATOR: "Application Administrator",
    APPLICATION_DEVELOPER: "Application Developer",
    EXCHANGE_ADMINISTRATOR: "Exchange Administrator",
    EXCHANGE_RECIPIENT_ADMINISTRATOR: "Exchange Recipient Administrator",
    SECURITY_ADMINISTRATOR: "Security Administrator",
    SECURITY_READER: "Security Reader",
    GLOBAL_READER: "Global Reader",
}


@behaviour(
    "The id of a role assignment over the whole directory is made of the role's id and the principal's, then -1; of an "
    "eligibility likewise with -1-e",
    source="a sample of Microsoft's documentation decoded; the ending of eligibilities from another: unverified",
    if_wrong="an id is foretold or compared that the service writes otherwise",
)
def assignment_id(template_id: str, principal_id: str, *, kind: str = "") -> str:
    """``kind`` "e" for an eligibility."""
    raw = uuid.UUID(template_id).bytes_le + uuid.UUID(principal_id).bytes_le
    ending = f"-1-{kind}" if kind else "-1"
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode() + ending


mark(
    "Role template ids",
    source="graph.md 5.1: Privileged Role and Exchange Administrator V: PUB, the others M (unverified)",
    if_wrong="a caller's role is named by its id instead of its title",
)
