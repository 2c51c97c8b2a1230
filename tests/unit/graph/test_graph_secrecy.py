"""Planted secrets must be in no error, representation or trace."""

from __future__ import annotations

import asyncio
import base64
import json
import traceback
from urllib.parse import quote

import httpx
import pytest
from graph_doubles import BEARER, FakeGraph, problem
from test_graph_writes import CREDENTIAL, KEY, OBJ, PLANTED, mint, run

from provisioner.errors import ServiceFault
from provisioner.graph import applications, delegated_grants
from provisioner.model.identifiers import ObjectId
from provisioner.signin import Redactor, WireLine

FAILURES = [
    problem(403, "Authorization_RequestDenied", "no"),
    problem(504, "x", "x"),
    httpx.Response(200, json={"secretText": PLANTED, "keyId": 7}),
    httpx.Response(200, json={"secretText": {"nested": PLANTED}}),
    httpx.Response(200, text=f'{{"secretText": "{PLANTED}"'),
    httpx.Response(200, json=[{"secretText": PLANTED}]),
    httpx.ReadError(f"cut after {PLANTED}"),
]


@pytest.mark.parametrize("answer", FAILURES)
def test_no_error_shows_a_secret_or_a_token(answer: httpx.Response | Exception) -> None:
    graph = FakeGraph().on("POST", "/", answer)
    with pytest.raises(ServiceFault) as caught:
        run(graph, mint)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(caught.value.fault)
    shown += str(caught.value.advice) + "".join(str(each) for each in graph.events)
    assert PLANTED not in shown
    assert BEARER not in shown


def test_the_trace_shows_everything_but_secrets() -> None:
    echo = httpx.Response(400, json={"error": {"code": "Request_BadRequest", "message": f"again {PLANTED}"}})
    graph = FakeGraph().on("POST", "/", CREDENTIAL).on("GET", "/", echo)
    lines: list[WireLine] = []

    async def work(connection):  # type: ignore[no-untyped-def]
        await mint(connection)
        with pytest.raises(ServiceFault):
            await delegated_grants.held_by(connection, ObjectId(f"named {PLANTED} by accident"))

    run(graph, work, trace=lines.append)
    shown = repr(lines)
    for disguise in (PLANTED, quote(PLANTED, safe=""), base64.b64encode(PLANTED.encode()).decode(), BEARER):
        assert disguise not in shown
    assert lines[0].method == "POST"
    assert lines[0].status == 200
    assert str(KEY) in lines[0].reply_body
    assert "provisioner/main/mail/i1" in lines[0].request_body
    assert "Request_BadRequest" in lines[1].reply_body, "an error's code is not a secret"
    assert ("authorization", "[hidden]") in lines[0].request_headers
    assert str(OBJ) in lines[0].url


def test_a_request_without_a_reply_is_traced_too() -> None:
    lines: list[WireLine] = []
    with pytest.raises(ServiceFault):
        run(FakeGraph().on("POST", "/", httpx.ReadError("cut")), mint, trace=lines.append)
    assert [(each.status, each.reply_body) for each in lines] == [(0, "ConnectionLost")]


@pytest.mark.parametrize(
    "name",
    [
        "secretText",
        "client_secret",
        "clientSecret",
        "client_assertion",
        "access_token",
        "refresh_token",
        "id_token",
        "device_code",
        "password",
        "Authorization",
        "proof",
    ],
)
def test_the_redactor_knows_the_names(name: str) -> None:
    redactor = Redactor()
    bodies = [
        json.dumps({"outer": [{name: PLANTED, "kept": "visible"}]}).encode(),
        f"{name}={quote(PLANTED, safe='')}&kept=visible".encode(),
    ]
    for body in bodies:
        shown = redactor.body(body)
        assert PLANTED not in shown
        assert quote(PLANTED, safe="") not in shown
        assert "visible" in shown
    assert redactor.headers([(name, f"Bearer {PLANTED}")]) == ((name, "[hidden]"),)
    assert redactor.text(f"later: {PLANTED}") == "later: [hidden]"


def test_the_redactor_leaves_what_is_no_secret() -> None:
    redactor = Redactor()
    assert redactor.body(b"\xff\xfe\x00") == "[3 bytes]"
    assert redactor.body(b"<html>") == "<html>"
    assert json.loads(redactor.body(b'{"error": {"code": "Request_BadRequest"}, "password": null}')) == {
        "error": {"code": "Request_BadRequest"},
        "password": None,
    }
    assert "[hidden]" in redactor.body(b'{"code": "0.AXoAx-9_planted"}'), "an authorization code is one"


def test_events_name_no_secret() -> None:
    graph = FakeGraph().on("GET", "/", problem(503, "x", "x", retry_after="1"), {"value": []})

    async def work(connection):  # type: ignore[no-untyped-def]
        return await applications.everything(connection)

    assert run(graph, work) == ()
    assert len(graph.events) == 1
    assert BEARER not in repr(graph.events)
    assert asyncio.iscoroutinefunction(work)
