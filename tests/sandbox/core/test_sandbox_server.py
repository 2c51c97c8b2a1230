from __future__ import annotations

import contextlib
import json
import os
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from provisioner.sandbox import server


def test_endpoints_are_there_while_it_runs(start: Any, tmp_path: Path) -> None:
    file = tmp_path / "endpoints.json"
    with start(tmp_path) as tenant:
        assert json.loads(file.read_text()) == tenant.endpoints
        if os.name == "posix":
            for private in (file, tmp_path / "operator.pem", tmp_path / "operator.secret", tmp_path / "server.pem"):
                assert private.stat().st_mode & 0o777 == 0o600
        assert tenant.endpoints["sandbox"] is True
        assert tenant.endpoints["clock"] == "real"
        for caller in tenant.endpoints["callers"].values():
            for name in ("certificateFile", "secretFile"):
                assert name not in caller or Path(caller[name]).exists()
    assert not file.exists()


def test_state_outlives_a_restart_and_ids_are_not_given_twice(start: Any, tmp_path: Path) -> None:
    with start(tmp_path) as tenant:
        first = tenant.application("First")
    with start(tmp_path) as tenant:
        assert tenant.get(f"/applications/{first['id']}")["displayName"] == "First"
        assert tenant.application("Second")["id"] != first["id"]


def test_reset_keeps_what_clients_hold(start: Any, tmp_path: Path) -> None:
    with start(tmp_path) as tenant:
        before = tenant.endpoints
        secret = tenant.operator_secret()
        tenant.application("Gone")
    server.reset(tmp_path)
    with start(tmp_path) as tenant:
        assert tenant.operator_secret() == secret
        assert {name: tenant.endpoints[name] for name in ("tenantId", "callers", "caFile")} == {
            name: before[name] for name in ("tenantId", "callers", "caFile")
        }
        assert tenant.get("/applications?$filter=displayName eq 'Gone'")["value"] == []


def test_reset_of_a_running_tenant(start: Any, tmp_path: Path) -> None:
    with start(tmp_path) as tenant:
        tenant.application("Gone")
        server.reset(tmp_path)
        assert tenant.get("/applications?$filter=displayName eq 'Gone'")["value"] == []


def test_reset_keeps_every_credential(start: Any, tmp_path: Path) -> None:
    names = ("wsman-password", "operator.secret", "cryptshare.password", "identity-header")
    with start(tmp_path) as tenant:
        before = {name: (tmp_path / name).read_text() for name in names}
        tenant.manage("POST", "/reset")
        assert {name: (tmp_path / name).read_text() for name in names} == before
        where = tenant.endpoints["wsman"]
        url = f"https://localhost:{where['port']}/{where['path']}"
        user = (where["username"], before["wsman-password"])
        assert tenant.http.post(url, auth=user).status_code != 401
        assert tenant.http.post(url, auth=(user[0], "wrong")).status_code == 401
    server.reset(tmp_path)
    with start(tmp_path):
        assert {name: (tmp_path / name).read_text() for name in names} == before


def test_one_directory_one_sandbox(start: Any, tmp_path: Path) -> None:
    with start(tmp_path), pytest.raises(OSError, match="already running"):
        server.serve(tmp_path)


def test_a_file_left_by_a_killed_sandbox_is_no_hindrance(start: Any, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"
    (tmp_path / "endpoints.json").write_text(json.dumps({"management": address}))
    with start(tmp_path) as tenant:
        assert tenant.endpoints["management"] != address


def test_two_fresh_tenants_hold_the_same_but_for_credentials(start: Any, tmp_path: Path) -> None:
    states = []
    for name in ("one", "two"):
        with start(tmp_path / name) as tenant:
            state = tenant.manage("GET", "/state")
            for application in state["applications"]:
                application["keyCredentials"] = application["passwordCredentials"] = []
            states.append(state)
    assert states[0] == states[1]


def test_a_port_in_use_is_named(start: Any, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port} for the sandbox's front"), start(tmp_path, port=port):
            pass


def six_free_ports() -> int:
    for first in range(23000, 32000, 4):
        with contextlib.ExitStack() as probes:
            try:
                for port in range(first, first + 6):
                    probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise AssertionError("no six ports in a row are free")


def test_chosen_ports(start: Any, tmp_path: Path) -> None:
    port = six_free_ports()
    with start(tmp_path, port=port) as tenant:
        assert tenant.login == f"https://localhost:{port}"
        assert tenant.endpoints["wsman"]["port"] == port + 1
        assert tenant.endpoints["smtp"]["port"] == port + 2
        assert tenant.endpoints["management"] == f"http://127.0.0.1:{port + 3}"
        assert (tenant.endpoints["imap"]["port"], tenant.endpoints["pop"]["port"]) == (port + 4, port + 5)


def test_nobody_trusts_it_without_its_authority(tenant: Any) -> None:
    with httpx.Client() as stranger, pytest.raises(httpx.ConnectError, match="CERTIFICATE"):
        stranger.get(tenant.login)


def test_an_unknown_profile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        server.serve(tmp_path, profile="sunny")


def test_management_shows_no_secret(tenant: Any) -> None:
    application = tenant.application("Holder")
    minted = tenant.post(f"/applications/{application['id']}/addPassword", {}, status=200)
    tenant.token_request(
        client_id=application["appId"],
        client_secret=minted["secretText"],
        grant_type="client_credentials",
        scope="https://graph.microsoft.com/.default",
    )
    shown = tenant.plane.get("/state").text + tenant.plane.get("/history").text
    for secret in (minted["secretText"], tenant.operator_secret(), tenant.token(), '"digest"'):
        assert secret not in shown
    state = Path(tenant.endpoints["caFile"]).parent
    for file in state.glob("*.sqlite*"):
        assert minted["secretText"].encode() not in file.read_bytes()


def test_reading_leaves_hash_and_history_without_writes(tenant: Any) -> None:
    tenant.token("global-administrator")
    before = tenant.manage("GET", "/state/hash")["hash"]
    since = tenant.manage("GET", "/history")["history"][-1]["seq"]
    tenant.get("/applications")
    tenant.sign_in_person("global-reader", "https://graph.microsoft.com/.default offline_access")
    tenant.post("/$batch", {"requests": [{"id": "1", "method": "GET", "url": "/organization"}]}, status=200)
    assert tenant.manage("GET", "/state/hash")["hash"] == before
    lines = tenant.manage("GET", f"/history?since={since}")["history"]
    assert len(lines) >= 4
    assert not any(line["write"] for line in lines)
    tenant.application("Write")
    assert tenant.manage("GET", "/state/hash")["hash"] != before
    assert tenant.manage("GET", "/history")["history"][-1]["write"]


def test_plant_and_settings(tenant: Any) -> None:
    user = {"id": "u1", "userPrincipalName": "planted@contoso.example", "displayName": "Planted"}
    tenant.manage("POST", "/plant", collection="users", document=user)
    assert tenant.get("/users/planted@contoso.example")["displayName"] == "Planted"
    tenant.manage("POST", "/plant", collection="users", id="u1", document=None)
    assert tenant.graph("GET", "/users/planted@contoso.example").status_code == 404
    assert tenant.manage("POST", "/settings", mfaRequired=True)["settings"] == {"mfaRequired": True}
    assert tenant.manage("POST", "/settings", mfaRequired=None)["settings"] == {}
    assert tenant.plane.post("/settings", json={"mfaRequird": True}).status_code == 400


def test_the_clock_of_replies_is_the_tenants(tenant: Any) -> None:
    tenant.token()
    before = tenant.manage("GET", "/clock")["now"]
    tenant.manage("POST", "/clock/advance", seconds=86400)
    assert tenant.manage("GET", "/clock")["now"] == pytest.approx(before + 86400, abs=60)
    answer = tenant.graph("GET", "/organization")
    assert answer.status_code == 401, "the day-old token has expired"
    assert answer.json()["error"]["message"] == "Access token has expired or is not yet valid."
    tenant.forget_tokens()
    assert tenant.graph("GET", "/organization").status_code == 200
