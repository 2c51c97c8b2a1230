"""The organisation's gates before Exchange Web Services: its switch, the list of applications, the user agents.

The list is one text of application ids with commas. It reads blank unless it is asked for by a switch of its own, and
a write replaces the whole of it; with the switch on, an empty list lets nobody in (field-notes.md 1.2, with sources).
So it is only ever added to, right after it was read, and an empty one is nobody's to write here.
"""

from __future__ import annotations

from provisioner.errors import ProvisionerError
from provisioner.exchange.interface import Exchange, Parameter
from provisioner.exchange.properties import flag, optional_text, texts
from provisioner.model.identifiers import AppId
from provisioner.model.observed import EwsGates
from provisioner.model.tenant import ExchangeDriver


async def get(exchange: Exchange) -> EwsGates | None:
    """The gates; None where Exchange says nothing at all, which is not "an empty list"."""
    reply = await exchange.run("Get-OrganizationConfig", {"RetrieveEwsOperationAccessPolicy": True})
    for each in reply.output:
        return EwsGates(
            enabled=flag(each, "EwsEnabled"),
            allowed=tuple(AppId(one) for one in texts(each, "EwsAllowedAppIDs")),
            agent_policy=optional_text(each, "EwsApplicationAccessPolicy"),
            allowed_agents=texts(each, "EwsAllowList"),
            blocked_agents=texts(each, "EwsBlockList"),
        )
    return None


async def let_in(
    exchange: Exchange, app_id: AppId, *, expected: tuple[AppId, ...] | None, switch_on: bool = False
) -> None:
    """Put an application's id at the end of the list, and switch EWS on where that is asked for too; one write.

    `expected` is the list that the change was planned for. Raises `ProvisionerError`, and writes nothing, where the
    list is another one by now or is empty. None, where nobody of ours could look: only a script, which looks itself,
    may go on then.
    """
    now = await get(exchange)
    if now is None or expected is None:
        if exchange.name is not ExchangeDriver.SCRIPT:
            raise _unfit("could not be read")
        await _write(exchange, (app_id,), switch_on=switch_on)
        return
    listed = now.allows(app_id)
    if not now.allowed:
        raise _unfit("is empty")
    if not listed and now.allowed != expected:
        raise _unfit("has changed since the plan was made")
    switch_on = switch_on and now.enabled is not True
    if not listed or switch_on:
        await _write(exchange, () if listed else (*now.allowed, app_id), switch_on=switch_on)


async def _write(exchange: Exchange, listed: tuple[AppId, ...], *, switch_on: bool) -> None:
    parameters: dict[str, Parameter] = {}
    if listed:
        parameters["EwsAllowedAppIDs"] = ",".join(listed)
    if switch_on:
        parameters["EwsEnabled"] = True
    await exchange.run("Set-OrganizationConfig", parameters)


def _unfit(why: str) -> ProvisionerError:
    return ProvisionerError(
        f"the organisation's list of applications that may use EWS {why}; nothing was written",
        advice="run the same command again: it looks anew and shows what it would write",
    )
