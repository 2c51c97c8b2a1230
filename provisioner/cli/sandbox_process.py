"""The sandbox as a process of its own: found where it runs, started for this command where it does not.

A started one ends with this command (it watches its standard input), even if this command is killed. Its state stays.
"""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from provisioner.errors import InputFault, ProvisionerError
from provisioner.model.identifiers import AppId, TenantId
from provisioner.model.tenant import (
    Endpoints,
    ExchangeDriver,
    HostIdentity,
    ManagementHost,
    SignIn,
    SignInMethod,
    Tenant,
)

START_SECONDS = 20.0
DRIVERS = ("psrp", "jea", "rest", "script")


@dataclass(frozen=True)
class SandboxTenant:
    """What a running sandbox published about itself."""

    published: dict[str, Any]

    @property
    def management(self) -> str:
        """Base URL of the management plane."""
        return str(self.published["management"])


def tenant(directory: Path, choice: str) -> Tenant:
    """The sandbox as a tenant, for a caller and a driver (`caller,driver`, either may be missing)."""
    published = ensure(directory).published
    callers: dict[str, dict[str, str]] = published["callers"]
    caller, driver = "operator", "psrp"
    for word in (each for each in choice.split(",") if each):
        if word in DRIVERS:
            driver = word
        elif word in callers:
            caller = word
        else:
            raise InputFault(
                f"the sandbox has no caller or driver {word!r}",
                advice=f"callers: {', '.join(sorted(callers))}; drivers: {', '.join(DRIVERS)}",
            )
    return Tenant(
        name="sandbox",
        tenant_id=TenantId(published["tenantId"]),
        endpoints=Endpoints(
            login=published["login"],
            graph=published["graph"],
            exchange=published["exchange"],
            smtp_host=published["smtp"]["host"],
            smtp_port=int(published["smtp"]["port"]),
            ca_file=published["caFile"],
            imap_host=published["imap"]["host"],
            imap_port=int(published["imap"]["port"]),
            pop_host=published["pop"]["host"],
            pop_port=int(published["pop"]["port"]),
        ),
        sign_in=_sign_in(caller, callers[caller]),
        exchange=ExchangeDriver.PSRP if driver == "jea" else ExchangeDriver(driver),
        host=_host(published, jea=driver == "jea"),
        sandbox=True,
    )


def _sign_in(name: str, caller: dict[str, str]) -> SignIn:
    client_id = AppId(caller["clientId"])
    if caller["kind"] == "user":
        return SignIn(SignInMethod.DEVICE_CODE, client_id, login_hint=name)
    if "certificateFile" in caller:
        return SignIn(SignInMethod.CERTIFICATE, client_id, certificate_file=caller["certificateFile"])
    return SignIn(SignInMethod.CLIENT_SECRET, client_id, secret=f"file:{caller['secretFile']}")


def _host(published: dict[str, Any], *, jea: bool) -> ManagementHost:
    wsman = published["wsman"]
    identity = wsman.get("hostIdentity", {})
    return ManagementHost(
        host=wsman["host"],
        port=int(wsman["port"]),
        path=wsman["path"],
        configuration=wsman["configurations"]["jea" if jea else "plain"],
        jea=jea,
        auth="basic",
        username=wsman["username"],
        password=f"file:{wsman['passwordFile']}",
        ca_file=published["caFile"],
        identity=HostIdentity.CERTIFICATE,
        app_id=AppId(identity["appId"]) if "appId" in identity else None,
        certificate_thumbprint=identity.get("certificateThumbprint"),
        organization=identity.get("organization"),
    )


def ensure(directory: Path) -> SandboxTenant:
    """A running sandbox: the one in this directory, or a fresh process over its state."""
    found = running(directory)
    if found is not None:
        return found
    if find_spec("psrpcore") is None or find_spec("uvicorn") is None:
        raise InputFault(
            "the sandbox is not installed here",
            advice="install it with: pip install 'provisioner[sandbox]'",
        )
    prepare(directory)
    log = directory / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 our own program, no text of anybody's
            [
                sys.executable,
                "-m",
                "provisioner",
                "sandbox",
                "serve",
                "--directory",
                str(directory),
                "--until-stdin-closes",
            ],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        )
    atexit.register(_stop, process)
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        found = running(directory)
        if found is not None and found.published["pid"] == process.pid:
            return found
        process.poll()
        _pause()
    raise ProvisionerError("the sandbox did not start", advice=f"its log: {log}")


def prepare(directory: Path) -> None:
    """Make the directory of its state. Raises ProvisionerError where nothing can be written there."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise ProvisionerError(
            f"the sandbox's directory {directory} cannot be used: {error.strerror}",
            advice="name one that you can write to: PROVISIONER_HOME, or --directory of the sandbox's commands",
        ) from error


def running(directory: Path) -> SandboxTenant | None:
    """The sandbox that runs over this directory, if one answers."""
    try:
        published = json.loads((directory / "endpoints.json").read_text(encoding="utf-8"))
        found = SandboxTenant(published)
        call(found.management, "GET", "/clock")
    except (OSError, ValueError, KeyError, ProvisionerError):
        return None
    return found


def call(management: str, method: str, path: str, body: dict[str, object] | None = None) -> Any:
    """One request to the management plane; its JSON answer."""
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(  # noqa: S310 a loopback address of our own
        management + path, data=data, method=method, headers={"Content-Type": "application/json"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            text = answer.read()
    except urllib.error.URLError as error:
        raise ProvisionerError(f"the sandbox's management plane does not answer: {error.reason}") from error
    return json.loads(text) if text else None


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()


def _pause() -> None:
    time.sleep(0.02)
