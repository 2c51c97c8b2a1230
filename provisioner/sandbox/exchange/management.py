"""Management's view of Exchange and of the management host, for tests: how the host is set up."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.wsman import host as hosts


def management_routes(sandbox: Sandbox) -> list[Route]:
    """`GET /host` and `POST /host {setting: value}`; see `wsman.host.change` for the settings. 400 for any other."""

    async def show(request: Request) -> Response:
        del request
        return JSONResponse(hosts.change(sandbox, {}))

    async def change(request: Request) -> Response:
        try:
            return JSONResponse(hosts.change(sandbox, await request.json()))
        except (ValueError, AttributeError, json.JSONDecodeError) as problem:
            return JSONResponse({"error": str(problem)}, status_code=400)

    return [Route("/host", show, methods=["GET"]), Route("/host", change, methods=["POST"])]
