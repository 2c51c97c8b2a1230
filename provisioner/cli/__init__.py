"""The command line: one file per command. Parse, call a workflow, show, exit code; nothing else.

The only `asyncio.run`, the only prints, the only exit. Heavy imports happen inside functions: `--help` is quick.
"""

from __future__ import annotations
