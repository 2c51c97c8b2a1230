"""A list that Graph replaces as a whole is read right before: what somebody added since the plan's look stays."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from resource_examples import APPLICATION, LIVE, TENANT_ID, a_guid

from provisioner.model.identifiers import GRAPH_APP_ID
from provisioner.model.observed import ApplicationObject, RequestedAccess
from provisioner.pace import SystemClock
from provisioner.resources import hands as module
from provisioner.resources.hands import Bindings, Hands

FOREIGN = RequestedAccess(GRAPH_APP_ID, a_guid(0x99), "Scope")


async def unused(*_: object, **__: object) -> None:
    raise AssertionError("not asked for")


def lent() -> Hands:
    return Hands(
        tenant_id=TENANT_ID,
        instance="i",
        graph=None,  # type: ignore[arg-type]
        exchange=None,
        bindings=Bindings(applications={APPLICATION.address: LIVE}),
        sink=None,  # type: ignore[arg-type]
        prove=unused,
        clock=SystemClock(),
        events=lambda event: None,
        on_bound=lambda address, app_id: None,
        keys=None,  # type: ignore[arg-type]
    )


def shows(monkeypatch: pytest.MonkeyPatch, *answers: ApplicationObject | Exception | None) -> list[object]:
    asked: list[object] = []

    async def by_object_id(graph: object, object_id: object) -> ApplicationObject | None:
        asked.append(object_id)
        answer = answers[len(asked) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(module.applications, "by_object_id", by_object_id)
    return asked


def test_what_was_added_meanwhile_is_there_and_what_the_plan_saw_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = shows(monkeypatch, replace(LIVE, tags=("theirs",), requested=(FOREIGN,), web_redirects=("https://theirs",)))
    given = lent()
    now = asyncio.run(given.application_now(APPLICATION.address))
    assert now.tags == (*LIVE.tags, "theirs")
    assert now.requested == (*LIVE.requested, FOREIGN)
    assert now.web_redirects == ("https://theirs",)
    assert asked == [LIVE.object_id]


def test_it_is_read_once_for_all_who_write_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = shows(monkeypatch, LIVE)
    given = lent()

    async def both() -> list[Any]:
        return await asyncio.gather(*(given.application_now(APPLICATION.address) for _ in range(3)))

    assert asyncio.run(both()) == [LIVE, LIVE, LIVE]
    assert len(asked) == 1


def test_what_this_run_has_made_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = shows(monkeypatch)
    given = lent()
    given.bindings.made.add(APPLICATION.address)
    assert asyncio.run(given.application_now(APPLICATION.address)) == LIVE
    assert asked == []


def test_a_replica_that_does_not_show_it_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shows(monkeypatch, None)
    assert asyncio.run(lent().application_now(APPLICATION.address)) == LIVE


def test_a_read_that_failed_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = shows(monkeypatch, OSError("cut"), LIVE)
    given = lent()

    async def twice() -> ApplicationObject:
        with pytest.raises(OSError, match="cut"):
            await given.application_now(APPLICATION.address)
        return await given.application_now(APPLICATION.address)

    assert asyncio.run(twice()) == LIVE
    assert len(asked) == 2
