"""Debian's chromium without a window, spoken to over WebDriver with nothing but the standard library.

Nothing leaves the machine: chromium is told that no name resolves, and what a page asked for is in its log.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

AXE = "AXE_CORE"
"""Where axe.min.js is; CI sets it."""

REQUIRED = "BROWSER_TESTS"
"""Set to `required`, a missing browser is a failure and not a reason to skip; CI sets it."""

PROGRAMS = ("chromium", "chromedriver")
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


def missing() -> str | None:
    """What is not there for a browser test."""
    absent = [each for each in PROGRAMS if shutil.which(each) is None]
    axe = os.environ.get(AXE)
    if axe is None or not Path(axe).is_file():
        absent.append(f"axe-core ({AXE}=.../axe.min.js)")
    return ", ".join(absent) or None


class Browser:
    """One browser window."""

    def __init__(self, driver: str, session: str) -> None:
        self._root = f"{driver}/session/{session}"

    def open(self, page: Path) -> None:
        """Load a file."""
        self._post("url", {"url": page.as_uri()})

    def look(self, *, width: int, dark: bool = False, height: int = 900) -> None:
        """Be a screen of so many CSS pixels, whose owner likes it dark or light."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.devtools("Emulation.setDeviceMetricsOverride", size)
        self.devtools("Emulation.setEmulatedMedia", {"features": [scheme]})

    def run(self, script: str, *arguments: object) -> Any:
        """What a script returns. It is no script of the page, so no policy of the page forbids it."""
        return self._post("execute/sync", {"script": script, "args": list(arguments)})

    def wait_for(self, script: str, *arguments: object) -> Any:
        """What a script gives to its last argument, a function."""
        return self._post("execute/async", {"script": script, "args": list(arguments)})

    def click(self, selector: str, number: int) -> None:
        """Click in the middle of one of the elements."""
        found = self._post("elements", {"using": "css selector", "value": selector})
        self._post(f"element/{next(iter(found[number].values()))}/click", {})

    def requested(self) -> list[str]:
        """The addresses that were asked for since the last call, without those that the page's policy held back."""
        entries = [json.loads(each["message"])["message"] for each in self._post("se/log", {"type": "performance"})]
        asked, held = {}, set()
        for each in entries:
            if each["method"] == "Network.requestWillBeSent":
                asked[each["params"]["requestId"]] = each["params"]["request"]["url"]
            elif each["method"] == "Network.loadingFailed" and each["params"].get("blockedReason") == "csp":
                held.add(each["params"]["requestId"])
        return [address for request, address in asked.items() if request not in held]

    def picture(self, *, width: int, height: int) -> bytes:
        """The top of the page as PNG."""
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        drawn = self.devtools("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
        return base64.b64decode(drawn["data"])

    def devtools(self, command: str, parameters: dict[str, Any]) -> Any:
        """One command of the DevTools protocol."""
        return self._post("goog/cdp/execute", {"cmd": command, "params": parameters})

    def close(self) -> None:
        """End the browser."""
        _ask("DELETE", self._root, None)

    def _post(self, what: str, body: dict[str, Any]) -> Any:
        return _ask("POST", f"{self._root}/{what}", body)


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser with a profile of its own, gone at the end."""
    with tempfile.TemporaryDirectory() as folder, _driver(folder) as address:
        options = {"binary": shutil.which("chromium"), "args": [*ARGUMENTS, f"--user-data-dir={folder}/profile"]}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"performance": "ALL"}}
        session = _ask("POST", f"{address}/session", {"capabilities": {"alwaysMatch": wanted}})
        opened = Browser(address, session["sessionId"])
        try:
            yield opened
        finally:
            opened.close()


@contextmanager
def _driver(folder: str) -> Iterator[str]:
    command: Sequence[str] = ("chromedriver", "--port=0")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"started successfully on port (\d+)", line):
                yield f"http://127.0.0.1:{found[1]}"
                return
        raise AssertionError("chromedriver did not start")
    finally:
        process.terminate()
        process.wait(timeout=20)
        if process.stdout is not None:
            process.stdout.close()


def _ask(method: str, address: str, body: dict[str, Any] | None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.loads(reply.read())["value"]
    except urllib.error.HTTPError as error:
        with error:
            raise AssertionError(f"{method} {address}: {error.read().decode()[:500]}") from None
