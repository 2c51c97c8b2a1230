"""A management host: WSMan over HTTPS carrying PowerShell remoting, as a Windows host with WinRM answers it.

Layers, outside in: `endpoint` (HTTP, sign-in, the WSMan actions), `envelope` and `refusals` (SOAP), `shell` (a
remote shell and its message queues, on psrpcore), `pipeline` (commands of one pipeline to streams), `records` (our
values as .NET objects), `runspace` (which commands a session configuration has), `connection`
(Connect-ExchangeOnline), `host` (what this host is).
"""

from __future__ import annotations
