"""Microsoft Graph, as far as we need it: one connection per tenant, and one file per collection.

msgraph-sdk does what it does well: credentials, adapter, middleware, request builders, request models, errors. Replies
are read as bytes into our own records, because the SDK's typed replies import 1,300 modules and take milliseconds an
object (source: python-stack.md 1 and 2). Repeating is decided here and in pace/, by meaning; the SDK's own retry is
off, since it repeats POST as well.
"""

from __future__ import annotations

from provisioner.graph.connection import Graph, connect

__all__ = ["Graph", "connect"]
