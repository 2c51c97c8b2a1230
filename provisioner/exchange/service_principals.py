"""Exchange's own record of a service principal, to which mailbox rights are given."""

from __future__ import annotations

from collections.abc import Mapping

from provisioner.errors import Absent, AlreadyThere, UnknownOutcome
from provisioner.exchange.interface import Exchange
from provisioner.exchange.properties import is_guid, optional_text, text
from provisioner.model.identifiers import AppId, ObjectId
from provisioner.model.observed import ExchangePrincipal


async def get(exchange: Exchange, app_id: AppId) -> ExchangePrincipal | None:
    """The record of an application, None where Exchange has none.

    Asked for one that does not exist, `Get-ServicePrincipal -Identity` returns all (exchange.md 4.1), so what comes is
    looked through.
    """
    try:
        reply = await exchange.run("Get-ServicePrincipal", {"Identity": app_id})
    except Absent:
        return None
    principals = (_principal(each) for each in reply.output)
    return next((each for each in principals if each.app_id == app_id.lower()), None)


async def create(exchange: Exchange, *, app_id: AppId, object_id: ObjectId, display_name: str) -> ExchangePrincipal:
    """Make the record.

    `object_id` is the service principal's (the enterprise application's): Exchange also takes the app registration's,
    without a word, and signs nobody in with it (exchange.md 4.1).

    Raises `AlreadyThere` where the application has a record. Where the answer was lost we look first, then try again
    once: the application id is unique in Exchange, so a second record cannot come of it.
    """
    try:
        return await _create(exchange, app_id, object_id, display_name)
    except UnknownOutcome as lost:
        found = await get(exchange, app_id)
        if found is None:
            return await _create(exchange, app_id, object_id, display_name)
        if found.object_id != object_id.lower():
            raise AlreadyThere(lost.fault, message=f"{app_id} has another record in Exchange") from lost
        return found


async def remove(exchange: Exchange, identity: str) -> None:
    """Remove the record; one that is not there is fine."""
    try:
        await exchange.run("Remove-ServicePrincipal", {"Identity": identity, "Confirm": False})
    except Absent:
        return


async def _create(exchange: Exchange, app_id: AppId, object_id: ObjectId, display_name: str) -> ExchangePrincipal:
    parameters = {"AppId": app_id, "ObjectId": object_id, "DisplayName": display_name}
    reply = await exchange.run("New-ServicePrincipal", parameters)
    for each in reply.output:
        return _principal(each)
    # it was done, but nothing was printed: identity and object id name the same record (exchange.md 4.1)
    return await get(exchange, app_id) or ExchangePrincipal(
        identity=object_id, app_id=app_id, object_id=object_id, sid=None, display_name=display_name
    )


def _principal(record: Mapping[str, object]) -> ExchangePrincipal:
    object_id = text(record, "ObjectId", "ServiceId").lower()
    # a name would do for Exchange too, but a name can be somebody else's as well
    guids = (each for each in (text(record, "Identity"), text(record, "Guid")) if is_guid(each))
    return ExchangePrincipal(
        identity=next(guids, object_id),
        app_id=AppId(text(record, "AppId").lower()),
        object_id=ObjectId(object_id),
        sid=optional_text(record, "Sid"),
        display_name=optional_text(record, "DisplayName"),
    )
