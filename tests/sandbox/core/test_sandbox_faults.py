from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import httpx
import pytest

from provisioner.sandbox.faults import Effect, Faults, Rule


def rule(**data: Any) -> Rule:
    return Rule.parse({"effect": {"status": 503}, **data})


def strikes(faults: Faults, operation: str, count: int) -> list[int | None]:
    async def ask() -> list[int | None]:
        found = []
        for _ in range(count):
            effect = await faults.before("graph", operation)
            found.append(effect.status if effect else None)
        return found

    return asyncio.run(ask())


def test_nth_strikes_once() -> None:
    faults = Faults()
    faults.add(rule(match="POST", nth=2))
    assert strikes(faults, "POST /v1.0/applications", 4) == [None, 503, None, None]


def test_every_and_times() -> None:
    faults = Faults()
    faults.add(rule(every=2, times=2))
    assert strikes(faults, "GET /x", 7) == [None, 503, None, 503, None, None, None]


def test_only_its_protocol_and_operation() -> None:
    faults = Faults()
    faults.add(rule(protocol="smtp"))
    faults.add(rule(match="addPassword"))
    assert strikes(faults, "GET /v1.0/me", 1) == [None]
    assert strikes(faults, "POST /v1.0/applications/1/ADDPASSWORD", 1) == [503]


def test_random_faults_let_a_patient_client_through() -> None:
    faults = Faults(share=0.9, seed="7")
    found = strikes(faults, "POST /v1.0/applications", 60)
    assert any(found)
    assert all(None in found[start : start + 3] for start in range(len(found) - 2))


@pytest.mark.parametrize("wrong", [{}, {"statsu": 503}, {"after": True}])
def test_a_wrong_effect_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Effect.parse(wrong)


def test_a_fault_before_does_nothing_and_after_does_it(tenant: Any) -> None:
    for after, expected in ((False, 0), (True, 1)):
        tenant.manage("POST", "/reset")
        tenant.forget_tokens()
        tenant.token()
        effect = {"status": 504, "after": after}
        tenant.manage("POST", "/faults", protocol="graph", match="POST /v1.0/applications", effect=effect, times=1)
        answer = tenant.graph("POST", "/applications", {"displayName": "Once"})
        assert answer.status_code == 504
        found = tenant.get("/applications?$filter=displayName eq 'Once'")["value"]
        assert len(found) == expected
        line = tenant.manage("GET", "/history")["history"][-2]
        assert (line["operation"], line["status"], line["write"]) == ("POST /v1.0/applications", 504, True)
        assert line["detail"] == ({"doneBeforeFault": 201} if after else {})


def test_a_dropped_connection_has_no_reply(tenant: Any) -> None:
    tenant.token()
    tenant.manage("POST", "/faults", match="POST /v1.0/applications", effect={"drop": True, "after": True}, times=1)
    with pytest.raises(httpx.TransportError):
        tenant.graph("POST", "/applications", {"displayName": "Lost"})
    assert len(tenant.get("/applications?$filter=displayName eq 'Lost'")["value"]) == 1


def test_throttling_says_how_long(tenant: Any) -> None:
    tenant.token()
    tenant.manage("POST", "/faults", match="/organization", effect={"status": 429, "retryAfter": 7}, times=1)
    answer = tenant.graph("GET", "/organization")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.json()["error"]["code"] == "TooManyRequests"


def test_a_held_reply_waits_until_it_is_released(tenant: Any) -> None:
    tenant.token()
    tenant.manage("POST", "/faults", match="POST /v1.0/applications", effect={"hold": True, "after": True}, times=1)
    answers: list[int] = []
    caller = threading.Thread(
        target=lambda: answers.append(tenant.graph("POST", "/applications", {"displayName": "Held"}).status_code)
    )
    caller.start()
    deadline = time.monotonic() + 10
    while not (held := tenant.manage("GET", "/held")["held"]) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [(each["operation"], each["after"]) for each in held] == [("POST /v1.0/applications", True)]
    state = tenant.manage("GET", "/state")["applications"]
    assert [each["displayName"] for each in state].count("Held") == 1, "done and committed before the reply"
    assert answers == []
    assert tenant.manage("POST", "/release", id=held[0]["id"]) == {"released": 1}
    caller.join(10)
    assert answers == [201]


def test_faults_strike_sign_in_too(tenant: Any) -> None:
    tenant.manage("POST", "/faults", protocol="login", match="token", effect={"status": 503, "retryAfter": 1}, times=1)
    assert tenant.token_request(grant_type="client_credentials").status_code == 503


def test_a_wrong_rule_is_refused(tenant: Any) -> None:
    answer = tenant.plane.post("/faults", json={"match": "(", "effect": {"status": 500}})
    assert answer.status_code == 400
    assert "regular expression" in answer.json()["error"]
