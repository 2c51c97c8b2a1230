"""Client secrets of an application: minted once, shown once. Source: graph.md 2.3, recorded-graph.md 7."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from provisioner.errors import Refused, ServiceFault, UnknownOutcome
from provisioner.graph.connection import Graph
from provisioner.graph.faults import UNREADABLE
from provisioner.graph.reading import guid, maybe_moment, maybe_text, moment, text
from provisioner.graph.rights import POLICY_KEEPERS, WRITE_APPLICATIONS
from provisioner.graph.sdk import load, model
from provisioner.model.faults import Fault
from provisioner.model.identifiers import KeyId, ObjectId
from provisioner.model.secret import Secret

POLICY_ADVICE = {
    "CredentialTypeNotAllowedAsPerAppPolicy": (
        "this tenant's application management policy forbids client secrets: use a certificate, or have the policy "
        "exempt this application"
    ),
    "CredentialInvalidLifetimeAsPerAppPolicy": (
        "this tenant's application management policy wants secrets to end sooner: choose a shorter lifetime"
    ),
}
"""Policy codes by which Graph refuses a secret. Source: graph.md 2.3 and 5.2."""

UNKNOWN_KEY = ("no credentials found to be removed", "no password credential found")
"""How removePassword says that the key is not there. Source: recorded-graph.md 8 and 13 (keys), graph.md 2.3."""


@dataclass(frozen=True)
class Minted:
    """A new client secret: the only moment at which its text is known."""

    key_id: KeyId
    secret: Secret
    hint: str | None
    start: datetime | None
    """When it was minted, by the directory's clock."""
    end: datetime


async def add(graph: Graph, application_id: ObjectId, *, display_name: str, end: datetime) -> Minted:
    """Mint a secret. One request is sent, never a second; `end` is taken to the whole second.

    Raises `UnknownOutcome` where a secret may exist now that nobody holds; `Refused` where a policy of the tenant
    forbids it; and any other `ServiceFault` (429 with `retry_after` among them) where certainly none was minted.
    """
    body_of = "msgraph.generated.applications.item.add_password.add_password_post_request_body"
    credential = model("PasswordCredential", "password_credential")(
        display_name=display_name, end_date_time=end.astimezone(UTC).replace(microsecond=0)
    )
    body = load(body_of, "AddPasswordPostRequestBody")(password_credential=credential)
    builder = graph.client.applications.by_application_id(application_id).add_password
    try:
        reply = await graph.write_once(builder.to_post_request_information(body), WRITE_APPLICATIONS)
        return Minted(
            key_id=KeyId(guid(reply or {}, "keyId")),
            secret=Secret(text(reply or {}, "secretText")),
            hint=maybe_text(reply or {}, "hint"),
            start=maybe_moment(reply or {}, "startDateTime"),
            end=moment(reply or {}, "endDateTime"),
        )
    except UnknownOutcome:
        raise
    except ServiceFault as error:
        raise _explained(error.fault, error) from None


async def remove(graph: Graph, application_id: ObjectId, key_id: KeyId) -> None:
    """Remove a secret. A key that is not there is fine. Raises `Absent` where the application is not there."""
    body_of = "msgraph.generated.applications.item.remove_password.remove_password_post_request_body"
    body = load(body_of, "RemovePasswordPostRequestBody")(key_id=UUID(key_id))
    builder = graph.client.applications.by_application_id(application_id).remove_password
    try:
        await graph.write(builder.to_post_request_information(body), WRITE_APPLICATIONS)
    except ServiceFault as error:
        if not any(words in error.fault.message.lower() for words in UNKNOWN_KEY):
            raise


def _explained(fault: Fault, error: ServiceFault) -> ServiceFault:
    """A policy's refusal by name; a reply that lacks what it must hold, which leaves a secret that nobody holds."""
    if fault.code == UNREADABLE:
        return UnknownOutcome(fault, advice="look at the application's secrets before trying again")
    for code in (fault.code, *fault.detail_codes):
        if code in POLICY_ADVICE:
            return Refused(fault, who_can=POLICY_KEEPERS, advice=POLICY_ADVICE[code])
    return error
