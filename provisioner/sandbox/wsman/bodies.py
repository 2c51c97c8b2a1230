"""Bodies of WSMan replies, element by element as recorded."""

from __future__ import annotations

import base64
import uuid
from typing import TYPE_CHECKING

from provisioner.sandbox.wsman.envelope import NAMESPACES, SHELL, text

if TYPE_CHECKING:
    from provisioner.sandbox.wsman.shell import Received, Shell

_Tree = dict[str, "str | _Tree"]


def created(made: Shell, to: str) -> str:
    """Reply to Create; `to` is the address the client used."""
    return (
        f"<x:ResourceCreated><a:Address>{text(to)}</a:Address><a:ReferenceParameters>"
        f"<w:ResourceURI>{text(made.address)}</w:ResourceURI><w:SelectorSet>"
        f'<w:Selector Name="ShellId">{made.id}</w:Selector></w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>'
        + shell(made, made.opened_at, running=False)
    )


def shell(shown: Shell, now: float, *, running: bool) -> str:
    """The description of a shell; `running` adds what only Get tells."""
    age = _age(now - shown.opened_at)
    fields = {
        "ShellId": shown.id,
        "ResourceUri": shown.address,
        "Owner": shown.owner,
        "ClientIP": "127.0.0.1",
        "ProcessId": "4242",
        "IdleTimeOut": shown.idle_timeout,
        "InputStreams": "stdin pr",
        "OutputStreams": "stdout",
        "MaxIdleTimeOut": "PT2147483.647S",
        "Locale": "en-US",
        "DataLocale": "en-US",
        "CompressionMode": "NoCompression",
        "ProfileLoaded": "Yes",
        "Encoding": "UTF8",
        "BufferMode": "Block",
        "State": "Connected" if shown.connected else "Disconnected",
        "ShellRunTime": age,
        "ShellInactivity": age,
    }
    if running:
        fields |= {"MemoryUsed": "59MB", "ChildProcesses": "0"}
    inner = "".join(f"<rsp:{name}>{text(value)}</rsp:{name}>" for name, value in fields.items())
    return f'<rsp:Shell xmlns:rsp="{SHELL}">{inner}</rsp:Shell>'


def command(identifier: uuid.UUID) -> str:
    """Reply to Command."""
    return f"<rsp:CommandResponse><rsp:CommandId>{str(identifier).upper()}</rsp:CommandId></rsp:CommandResponse>"


def received(identifier: uuid.UUID | None, what: Received) -> str:
    """Reply to Receive: a stream element for each fragment, and the command's state once there is no more."""
    name = "" if identifier is None else f' CommandId="{str(identifier).upper()}"'
    streams = "".join(
        f'<rsp:Stream Name="stdout"{name}>{base64.b64encode(fragment).decode()}</rsp:Stream>'
        for fragment in what.fragments
    )
    state = (
        f'<rsp:CommandState{name} State="{SHELL}/CommandState/Done"><rsp:ExitCode>0</rsp:ExitCode></rsp:CommandState>'
        if what.done
        else ""
    )
    return f"<rsp:ReceiveResponse>{streams}{state}</rsp:ReceiveResponse>"


def configuration() -> str:
    """WinRM's configuration, as a host with basic authentication tells it."""
    ports: _Tree = {"HTTP": "5985", "HTTPS": "5986"}
    tree: _Tree = {
        "MaxEnvelopeSizekb": "500",
        "MaxTimeoutms": "60000",
        "MaxBatchItems": "32000",
        "MaxProviderRequests": "4294967295",
        "Client": {
            "NetworkDelayms": "5000",
            "URLPrefix": "wsman",
            "AllowUnencrypted": "false",
            "Auth": _switches("Basic Digest Kerberos Negotiate Certificate", off="CredSSP"),
            "DefaultPorts": ports,
            "TrustedHosts": "",
        },
        "Service": {
            "RootSDDL": "O:NSG:BAD:P(A;;GA;;;BA)(A;;GR;;;IU)S:P(AU;FA;GA;;;WD)(AU;SA;GXGW;;;WD)",
            "MaxConcurrentOperations": "4294967295",
            "MaxConcurrentOperationsPerUser": "1500",
            "EnumerationTimeoutms": "240000",
            "MaxConnections": "300",
            "MaxPacketRetrievalTimeSeconds": "120",
            "AllowUnencrypted": "false",
            "Auth": {
                **_switches("Basic Kerberos Negotiate", off="Certificate CredSSP"),
                "CbtHardeningLevel": "Relaxed",
            },
            "DefaultPorts": ports,
            "IPv4Filter": "*",
            "IPv6Filter": "*",
            "EnableCompatibilityHttpListener": "false",
            "EnableCompatibilityHttpsListener": "false",
            "CertificateThumbprint": "",
            "AllowRemoteAccess": "true",
        },
        "Winrs": {
            "AllowRemoteShellAccess": "true",
            "IdleTimeout": "7200000",
            "MaxConcurrentUsers": "2147483647",
            "MaxShellRunTime": "2147483647",
            "MaxProcessesPerShell": "2147483647",
            "MaxMemoryPerShellMB": "2147483647",
            "MaxShellsPerUser": "2147483647",
        },
    }
    return f'<cfg:Config xmlns:cfg="{NAMESPACES["cfg"]}">{_elements(tree)}</cfg:Config>'


def _switches(on: str, *, off: str) -> _Tree:
    return {**dict.fromkeys(on.split(), "true"), **dict.fromkeys(off.split(), "false")}


def _elements(tree: _Tree) -> str:
    return "".join(
        f"<cfg:{name}>{_elements(value) if isinstance(value, dict) else value}</cfg:{name}>"
        for name, value in tree.items()
    )


def _age(seconds: float) -> str:
    whole = int(max(seconds, 0))
    return f"P{whole // 86400}DT{whole % 86400 // 3600}H{whole % 3600 // 60}M{whole % 60}S"
