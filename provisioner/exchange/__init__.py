"""Exchange Online's cmdlets, whoever runs them for us.

Remote PowerShell into Exchange Online itself is gone since October 2023 (exchange.md 1.1), so there are three ways to
the same cmdlets, and the inventory names one; nothing is chosen silently:

- `over_psrp`: PowerShell remoting into a management host that has the ExchangeOnlineManagement module;
- `over_rest`: the module's own web service, which Microsoft does not document;
- `as_script`: a script for a person who holds the role that we lack, and what it found.

`cmdlets` is the list of all that we run. From it come the script and the kit for a management host (`host_kit`).

`service_principals`, `mailbox_permissions`, `client_access`, `transport`, `groups`, `management_scopes`,
`role_assignments` and `organization` are the cmdlets we need, typed; they give the same records over both.
"""

from __future__ import annotations

from provisioner.exchange.interface import CmdletReply, Exchange, Parameter

__all__ = ["CmdletReply", "Exchange", "Parameter"]
