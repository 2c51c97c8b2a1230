"""The inventory `tenants.yaml`: which tenants there are, how to sign in there and who runs Exchange cmdlets. No secret.

Secrets are named by reference: `env:NAME`, `file:PATH` or `prompt:`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from provisioner.disk import files
from provisioner.errors import FaultyPlace, InputFault
from provisioner.model.clouds import CLOUDS, Cloud, cloud_of
from provisioner.model.identifiers import AppId, TenantId
from provisioner.model.tenant import (
    BRING_THEIR_OWN,
    FIXED,
    ExchangeDriver,
    HostIdentity,
    ManagementHost,
    SignIn,
    SignInMethod,
    Tenant,
)
from provisioner.playbook import yaml_text

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
RESERVED = "sandbox"
FORMAT = 1

SIGN_IN_KEYS = {"method", "clientId", "secret", "certificateFile", "loginHint", "tokenFile"}
HOST_KEYS = {
    "host",
    "port",
    "path",
    "configuration",
    "jea",
    "auth",
    "username",
    "password",
    "caFile",
    "identity",
    "appId",
    "certificateThumbprint",
    "organization",
}


class Inventory:
    """The inventory file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def tenants(self) -> tuple[Tenant, ...]:
        """All tenants, by name. Raises InputFault with all faults of the file."""
        with files.named_faults("inventory", self.path):
            files.check_unwritable("inventory", self.path.parent, self.path)
            data = files.read(self.path)
        return () if data is None else _parse(data.decode("utf-8", "replace"), str(self.path))

    def find(self, name: str) -> Tenant | None:
        """One tenant by name, or None."""
        return next((each for each in self.tenants() if each.name == name), None)

    def add(self, tenant: Tenant) -> tuple[str, ...]:
        """Write or replace one tenant; what differs from the entry that was there, in the words of the file.

        Raises InputFault for one that could not be read back, and where the name is another tenant's.
        """
        known = {each.name: each for each in self.tenants()}
        before = known.get(tenant.name)
        if before is not None:
            refuse_another(before, tenant.tenant_id)
        self._write({**known, tenant.name: tenant})
        return () if before is None else _differences(_as_data(before), _as_data(tenant))

    def remove(self, name: str) -> bool:
        """Take one tenant out; False where it was not there. Instance files and receipts stay."""
        tenants = {each.name: each for each in self.tenants()}
        if tenants.pop(name, None) is None:
            return False
        self._write(tenants)
        return True

    def _write(self, tenants: dict[str, Tenant]) -> None:
        listed: dict[str, yaml_text.Plain] = {name: _as_data(tenant) for name, tenant in sorted(tenants.items())}
        text = yaml_text.dump({"format": FORMAT, "tenants": listed})
        _parse(text, str(self.path))
        with files.named_faults("inventory", self.path):
            files.make_directory(self.path.parent)
            files.replace(self.path, text.encode())


def refuse_another(listed: Tenant, tenant_id: TenantId) -> None:
    """Raise InputFault where an entry is not the tenant that is meant: instance files and receipts go by its name."""
    if listed.tenant_id != tenant_id:
        raise InputFault(
            f"in the inventory {listed.name} is tenant {listed.tenant_id}, not {tenant_id}",
            advice=f"choose another name, or first: provisioner tenants remove {listed.name}",
        )


def _parse(text: str, file_name: str) -> tuple[Tenant, ...]:
    document = yaml_text.read_document(text, file_name)
    reader = _Reader(document)
    data = document.data if isinstance(document.data, dict) else {}
    reader.top(data)
    listed = data.get("tenants")
    found = [reader.tenant(str(name), entry) for name, entry in listed.items()] if isinstance(listed, dict) else []
    if reader.faults:
        raise InputFault("a faulty inventory", tuple(reader.faults))
    return tuple(sorted((each for each in found if each is not None), key=lambda each: each.name))


class _Reader:
    """Reads entries and collects every fault."""

    def __init__(self, document: yaml_text.Document) -> None:
        self._document = document
        self.faults: list[FaultyPlace] = []

    def top(self, data: Mapping[str, object]) -> None:
        """The file as a whole."""
        self._unknown((), data, {"format", "tenants"})
        if data.get("format", FORMAT) != FORMAT:
            self._fault(("format",), f"its format must be {FORMAT}; a newer one needs a newer version")
        if not isinstance(data.get("tenants"), dict):
            self._fault(("tenants",), "it must list `tenants:`")

    def tenant(self, name: str, entry: object) -> Tenant | None:
        """One entry; None where it is faulty."""
        place = ("tenants", name)
        if not NAME.fullmatch(name) or name == RESERVED:
            self._fault(place, f"{name!r} is no tenant name: lower-case letters, digits, dashes; not `{RESERVED}`")
        if not isinstance(entry, dict):
            self._fault(place, "must say tenantId and signIn")
            return None
        self._unknown(place, entry, {"tenantId", "cloud", "signIn", "exchange"})
        tenant_id = entry.get("tenantId")
        if not isinstance(tenant_id, str) or not GUID.fullmatch(tenant_id.lower()):
            self._fault((*place, "tenantId"), "tenantId must be the directory id, a GUID")
            tenant_id = ""
        cloud = entry.get("cloud", Cloud.WORLDWIDE.value)
        if cloud not in [each.value for each in Cloud]:
            self._fault((*place, "cloud"), f"cloud must be one of {', '.join(Cloud)}")
            cloud = Cloud.WORLDWIDE.value
        sign_in = self._sign_in((*place, "signIn"), entry.get("signIn"))
        driver, host = self._exchange((*place, "exchange"), entry.get("exchange"))
        if sign_in is None:
            return None
        return Tenant(name, TenantId(tenant_id.lower()), CLOUDS[Cloud(cloud)], sign_in, driver, host)

    def _sign_in(self, place: tuple[str, ...], entry: object) -> SignIn | None:
        if not isinstance(entry, dict):
            self._fault(place, "signIn must say method and clientId")
            return None
        self._unknown(place, entry, SIGN_IN_KEYS)
        methods = [each.value for each in SignInMethod]
        method = entry.get("method")
        if method not in methods:
            self._fault((*place, "method"), f"method must be one of {', '.join(methods)}")
            return None
        if method == SignInMethod.CLIENT_SECRET and not entry.get("secret"):
            self._fault(place, "client-secret needs `secret`: env:NAME, file:PATH or prompt:")
        if method == SignInMethod.CERTIFICATE and not entry.get("certificateFile"):
            self._fault(place, "certificate needs `certificateFile`")
        client_id = self._optional(entry, "clientId")
        if method not in BRING_THEIR_OWN:
            client_id = self._text(place, entry, "clientId")
        elif client_id is not None and method in FIXED:
            self._fault((*place, "clientId"), f"{method} has a client id of its own: leave this out")
        return SignIn(
            SignInMethod(method),
            AppId(client_id) if client_id is not None else None,
            secret=self._reference(place, entry, "secret"),
            certificate_file=self._optional(entry, "certificateFile"),
            login_hint=self._optional(entry, "loginHint"),
            token_file=self._optional(entry, "tokenFile"),
        )

    def _exchange(self, place: tuple[str, ...], entry: object) -> tuple[ExchangeDriver | None, ManagementHost | None]:
        if entry is None:
            return None, None
        drivers = [each.value for each in ExchangeDriver]
        if not isinstance(entry, dict) or entry.get("driver") not in drivers:
            self._fault(place, f"exchange must say driver: one of {', '.join(drivers)}")
            return None, None
        self._unknown(place, entry, {"driver", "managementHost"})
        driver = ExchangeDriver(entry["driver"])
        if driver is not ExchangeDriver.PSRP:
            return driver, None
        host = entry.get("managementHost")
        if not isinstance(host, dict):
            self._fault(place, "psrp needs `managementHost`")
            return driver, None
        return driver, self._host((*place, "managementHost"), host)

    def _host(self, place: tuple[str, ...], entry: dict[str, object]) -> ManagementHost:
        self._unknown(place, entry, HOST_KEYS)
        identities = [each.value for each in HostIdentity]
        identity = entry.get("identity", HostIdentity.CERTIFICATE.value)
        if identity not in identities:
            self._fault((*place, "identity"), f"identity must be one of {', '.join(identities)}")
            identity = HostIdentity.CERTIFICATE.value
        port = entry.get("port", 5986)
        if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536:
            self._fault((*place, "port"), "port must be a number from 1 to 65535")
            port = 5986
        plain = ManagementHost(host="")
        return ManagementHost(
            host=self._text(place, entry, "host") or "",
            port=port,
            path=self._optional(entry, "path") or plain.path,
            configuration=self._optional(entry, "configuration") or plain.configuration,
            jea=self._flag(place, entry, "jea"),
            auth=self._optional(entry, "auth") or plain.auth,
            username=self._optional(entry, "username"),
            password=self._reference(place, entry, "password"),
            ca_file=self._optional(entry, "caFile"),
            identity=HostIdentity(identity),
            app_id=AppId(app_id) if (app_id := self._optional(entry, "appId")) else None,
            certificate_thumbprint=self._optional(entry, "certificateThumbprint"),
            organization=self._optional(entry, "organization"),
        )

    def _text(self, place: tuple[str, ...], entry: dict[str, object], key: str) -> str | None:
        value = entry.get(key)
        if not isinstance(value, str) or not value:
            self._fault((*place, key), f"{key} is missing")
            return None
        return value

    def _flag(self, place: tuple[str, ...], entry: dict[str, object], key: str) -> bool:
        value = entry.get(key, False)
        if not isinstance(value, bool):
            self._fault((*place, key), f"{key} must be true or false")
        return value is True

    def _reference(self, place: tuple[str, ...], entry: dict[str, object], key: str) -> str | None:
        value = self._optional(entry, key)
        if value is not None and not value.startswith(("env:", "file:", "prompt:")):
            self._fault((*place, key), f"{key} must be a reference, never a value: env:NAME, file:PATH or prompt:")
        return value

    @staticmethod
    def _optional(entry: dict[str, object], key: str) -> str | None:
        value = entry.get(key)
        return None if value is None else str(value)

    def _unknown(self, place: tuple[str, ...], entry: Mapping[str, object], known: set[str]) -> None:
        for key in entry:
            if key not in known:
                self._fault((*place, str(key)), f"unknown key {key!r}; known: {', '.join(sorted(known))}")

    def _fault(self, place: tuple[str, ...], message: str) -> None:
        self.faults.append(self._document.fault(place, message))


def _as_data(tenant: Tenant) -> dict[str, yaml_text.Plain]:
    sign_in = tenant.sign_in
    cloud = cloud_of(tenant.endpoints)
    entry: dict[str, yaml_text.Plain] = {
        "tenantId": str(tenant.tenant_id),
        **({"cloud": cloud.value} if cloud is not Cloud.WORLDWIDE else {}),
        "signIn": _without_none(
            {
                "method": sign_in.method.value,
                "clientId": str(sign_in.client_id) if sign_in.client_id is not None else None,
                "secret": sign_in.secret,
                "certificateFile": sign_in.certificate_file,
                "loginHint": sign_in.login_hint,
                "tokenFile": sign_in.token_file,
            }
        ),
    }
    if tenant.exchange is not None:
        exchange: dict[str, yaml_text.Plain] = {"driver": tenant.exchange.value}
        if tenant.host is not None:
            host = tenant.host
            exchange["managementHost"] = _without_none(
                {
                    "host": host.host,
                    "port": host.port,
                    "path": host.path,
                    "configuration": host.configuration,
                    "jea": host.jea,
                    "auth": host.auth,
                    "username": host.username,
                    "password": host.password,
                    "caFile": host.ca_file,
                    "identity": host.identity.value,
                    "appId": str(host.app_id) if host.app_id else None,
                    "certificateThumbprint": host.certificate_thumbprint,
                    "organization": host.organization,
                }
            )
        entry["exchange"] = exchange
    return entry


def _differences(
    before: Mapping[str, yaml_text.Plain], after: Mapping[str, yaml_text.Plain], place: str = ""
) -> tuple[str, ...]:
    """`signIn.method: device-code -> certificate`, and so on, for all that is not the same."""
    found: list[str] = []
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict | None) and isinstance(new, dict | None):
            found += _differences(old or {}, new or {}, f"{place}{key}.")
        elif old != new:
            shown = ("none" if each is None else str(each) for each in (old, new))
            found.append(f"{place}{key}: {' -> '.join(shown)}")
    return tuple(found)


def _without_none(data: dict[str, yaml_text.Plain]) -> dict[str, yaml_text.Plain]:
    return {key: value for key, value in data.items() if value is not None}
