"""What one can do: `async f(request, ports) -> result`, plain data in and out, no secret in either, no printing.

cli/ calls these; a later engine for many tenants runs them unchanged.
"""

from __future__ import annotations
