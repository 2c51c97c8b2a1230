"""What this management host is: its account, its identity in the tenant, and what management changed about it."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from provisioner.sandbox import roles as directory_roles
from provisioner.sandbox.core import Sandbox, fixed_id
from provisioner.sandbox.exchange.access import Caller, role_ids
from provisioner.sandbox.exchange.seed import INITIAL_DOMAIN
from provisioner.sandbox.files import write_private
from provisioner.sandbox.sealing import opens, seal

NAME: Final = "MGMT01"
USERNAME: Final = "svc-provisioner"
PLAIN: Final = "Microsoft.PowerShell"
JEA: Final = "ProvisionerExchange"
APP_ID: Final = fixed_id("management-host-application")
CERTIFICATE_THUMBPRINT: Final = "9F2C4D1B7A3E58604C1D9E7B2A6F83D5C40E1B77"

_SETTING: Final = "managementHost"
_SEALED: Final = "sealedSecrets"
_PASSWORD_FILE: Final = "wsman-password"  # noqa: S105 - a file name


@dataclass(frozen=True)
class Host:
    """How the host is set up. Times in seconds; `hidden` and the keys of `delays` are cmdlet names in lower case.

    `drop_after` cuts the connection at that Receive of a pipeline, counted from 1, once.
    """

    module_installed: bool = True
    hidden: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset({directory_roles.EXCHANGE_ADMINISTRATOR})
    manages_as_app: bool = True
    delays: Mapping[str, float] = field(default_factory=dict)
    drop_after: int | None = None

    def identity(self) -> Caller:
        """The host's own identity as Exchange sees it, by certificate or managed identity."""
        return Caller(APP_ID, self.roles if self.manages_as_app else frozenset(), app_only=True)

    def delay(self, command: str) -> float:
        """Seconds this command takes; `*` speaks for all."""
        return self.delays.get(command.casefold(), self.delays.get("*", 0.0))


@dataclass(frozen=True)
class Credentials:
    """How to sign in to the host; the password is in the file, without a line end."""

    username: str
    password_file: Path


def host_identity(sandbox: Sandbox) -> dict[str, str]:
    """What the host signs in to Exchange Online with: `{appId, certificateThumbprint, organization}`."""
    del sandbox  # the same in every sandbox, so that client files outlive a reset
    return {"appId": APP_ID, "certificateThumbprint": CERTIFICATE_THUMBPRINT, "organization": INITIAL_DOMAIN}


def host_credentials(sandbox: Sandbox) -> Credentials:
    """The account of the host, made when first asked for; a fresh tenant takes over the password in the file."""
    path = sandbox.directory / _PASSWORD_FILE
    with sandbox.store.transaction() as tx:
        known = tx.get(_SEALED, _SETTING) is not None
    if not path.exists():
        change_password(sandbox, secrets.token_urlsafe(18))
    elif not known:
        _seal_password(sandbox, path.read_text(encoding="utf-8"))
    return Credentials(USERNAME, path)


def change_password(sandbox: Sandbox, password: str) -> None:
    """Give the host's account another password and write it where the client may read it."""
    _seal_password(sandbox, password)
    write_private(sandbox.directory / _PASSWORD_FILE, password.encode())


def _seal_password(sandbox: Sandbox, password: str) -> None:
    with sandbox.store.transaction(established=True) as tx:
        tx.put(_SEALED, _SETTING, {"id": _SETTING, **seal(password)})


def signs_in(sandbox: Sandbox, username: str, password: bytes) -> bool:
    """True when the account and password are right, whichever way the client wrote non-ASCII letters."""
    account = username.casefold()
    if account not in {USERNAME, f"{NAME}\\{USERNAME}".casefold()}:
        return False
    with sandbox.store.transaction() as tx:
        sealed = tx.get(_SEALED, _SETTING)
    return sealed is not None and any(opens(sealed, candidate) for candidate in _readings(password))


def read(sandbox: Sandbox) -> Host:
    """The host as management has set it."""
    given = sandbox.settings.get(_SETTING, {})
    fallback = Host()
    return Host(
        module_installed=given.get("moduleInstalled", True),
        hidden=frozenset(name.casefold() for name in given.get("hiddenCmdlets", ())),
        roles=role_ids(given["hostRoles"]) if "hostRoles" in given else fallback.roles,
        manages_as_app=given.get("manageAsApp", True),
        delays={name.casefold(): float(value) for name, value in given.get("delays", {}).items()},
        drop_after=given.get("dropAfter"),
    )


def change(sandbox: Sandbox, changes: Mapping[str, object]) -> dict[str, object]:
    """Merge settings, null removes one; returns what is set now.

    Keys: moduleInstalled, hiddenCmdlets, hostRoles (names or template ids), manageAsApp, delays ({cmdlet or `*`:
    seconds}), dropAfter, password. ValueError for any other key.
    """
    kinds: Mapping[str, type | tuple[type, ...]] = {
        "moduleInstalled": bool,
        "hiddenCmdlets": list,
        "hostRoles": list,
        "manageAsApp": bool,
        "delays": dict,
        "dropAfter": int,
        "password": str,
    }
    for key, value in changes.items():
        if key not in kinds or not (value is None or isinstance(value, kinds[key])):
            raise ValueError(f"no setting of the host: {key} = {value!r}")
    merged = {**sandbox.settings.get(_SETTING, {}), **changes}
    password = merged.pop("password", None)
    if isinstance(password, str):
        change_password(sandbox, password)
    kept = {key: value for key, value in merged.items() if value is not None}
    sandbox.settings[_SETTING] = kept
    return kept


def spend_drop(sandbox: Sandbox) -> None:
    """The cut has happened; it happens once."""
    change(sandbox, {"dropAfter": None})


def _readings(raw: bytes) -> list[str]:
    readings = [raw.decode("latin-1")]
    with contextlib.suppress(UnicodeDecodeError):
        readings.append(raw.decode("utf-8"))
    return readings
