from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from provisioner.signin import slim_libraries
slim_libraries()
import azure.identity, httpx, requests
unused = {"rich", "pygments", "click", "charset_normalizer"}
print(sorted(unused & {name.partition(".")[0] for name, module in sys.modules.items() if module is not None}))
reply = requests.Response()
reply._content = "Müller".encode()
print(reply.text)
"""


def test_libraries_do_without_what_nobody_uses_and_do_not_complain() -> None:
    """A library that came to need what is kept from it would fail here, not at a customer's."""
    ended = subprocess.run(
        [sys.executable, "-X", "utf8", "-W", "error::Warning:requests", "-c", PROGRAM],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (ended.returncode, ended.stdout.splitlines(), ended.stderr) == (0, ["[]", "Müller"], "")
