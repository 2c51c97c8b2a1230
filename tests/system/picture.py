"""The picture of a plan in README: `python -m tests.system.picture` draws it anew, from a real plan in the sandbox."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.system.support import NEIGHBOUR, SENDER, fresh_home, running_sandbox

PICTURE = Path(__file__).parents[2] / ".pictures" / "plan.svg"


def draw(place: Path) -> str:
    """The picture as it should be now. The sandbox's tenant is always the same, and a plan names no other ids."""
    with running_sandbox(place / "sandbox") as sandbox:
        return asyncio.run(_draw(fresh_home(place / "home", sandbox)))


async def _draw(root: Path) -> str:
    from provisioner.cli.asking import asking
    from provisioner.cli.connections import Connections
    from provisioner.cli.options import OutputForm
    from provisioner.cli.requesting import build_request
    from provisioner.home import Home
    from provisioner.reports import progress, svg
    from provisioner.workflows.plan import plan

    home = Home(root)
    request = build_request(
        home,
        playbook="cryptshare/server",
        tenant="sandbox",
        settings=[f"sender_mailbox={SENDER}", f"denied_mailbox={NEIGHBOUR}"],
        parameters_file=None,
        instance="default",
        variant="guide",
        sink=None,
    )
    with progress(sys.stderr, quiet=True) as shown:
        async with Connections(home, shown) as connections:
            planned = await plan(request, connections.ports(asking(OutputForm.JSON, yes=False, question="")))
    return svg(planned.plan, arguments="cryptshare/server --tenant sandbox")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        (PICTURE if len(sys.argv) < 2 else Path(sys.argv[1])).write_text(draw(Path(folder)), encoding="utf-8")
