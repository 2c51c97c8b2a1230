"""What we keep on disk, under `PROVISIONER_HOME`: inventory, instance files, receipts; and keys of our certificates.

Only `keys` is secret, and only the operator's own private keys are there: what a product gets goes to a sink.

The instance file is the *desired* side; the observed side is always the live tenant, so there is no state file that
could disagree with it. Receipts are evidence and never read for decisions.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from provisioner.disk import files, locks
from provisioner.home.instances import InstanceFile, Instances
from provisioner.home.inventory import Inventory
from provisioner.home.keys import Keys
from provisioner.home.receipts import Receipt, Receipts

__all__ = ["Home", "InstanceFile", "Instances", "Inventory", "Keys", "Receipt", "Receipts", "default_root"]


def default_root() -> Path:
    """`PROVISIONER_HOME`, or the platform's usual place."""
    if given := os.environ.get("PROVISIONER_HOME"):
        return Path(given).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", str(Path.home() / "AppData" / "Roaming"))) / "provisioner"
    return Path.home() / ".provisioner"


class Home:
    """One home directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.inventory = Inventory(root / "tenants.yaml")
        self.instances = Instances(root / "tenants")
        self.receipts = Receipts(root / "receipts")
        self.keys = Keys(root / "keys")

    def script(self, tenant: str, onboarding: str, *, removing: bool = False) -> Path:
        """Where the script of one onboarding for an Exchange administrator lies, if it is written nowhere else."""
        return self.root / "scripts" / tenant / f"{onboarding}{'.remove' if removing else ''}.ps1"

    @contextmanager
    def lock(self, tenant: str, *onboardings: str) -> Iterator[None]:
        """Hold onboardings for this process. Two runs at once would each take the other's secret for an orphan.

        Who is attached to another's application holds that one too: lists of an application are replaced as a whole.
        """
        folder = self.root / "locks"
        with ExitStack() as stack:
            with files.named_faults("home", folder):
                files.make_directory(folder)
                files.check_unwritable("home", self.root, folder)
                for each in sorted(set(onboardings)):
                    name = re.sub(r"[^A-Za-z0-9_-]", "-", f"{tenant}.{each}")
                    stack.enter_context(locks.held("home", folder / f"{name}.lock"))
            yield
