"""`--help` of every command: what it imports, and how long it takes."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from .process import Run, middle, run

HEAVY = ("azure", "httpx", "msgraph", "msal", "kiota_http", "pydantic", "pypsrp", "requests", "ruamel", "cryptography")

COMMANDS = """
import json, typer.main
from provisioner.cli.main import app
def paths(command, path):
    yield path
    for name, each in sorted(getattr(command, "commands", {}).items()):
        yield from paths(each, [*path, name])
print(json.dumps(list(paths(typer.main.get_command(app), []))))
"""

IMPORTS = """
import json, sys
sys.argv = ["provisioner", *json.loads(sys.argv[1])]
from provisioner.cli.main import main
try:
    main()
except SystemExit:
    pass
sys.stderr.write("")
print("\\n" + json.dumps(sorted(sys.modules)))
"""


@dataclass(frozen=True)
class Figures:
    """Medians of one command's `--help`."""

    command: str
    run: Run
    modules: int
    heavy: tuple[str, ...]


def measure(environment: Mapping[str, str], rounds: int) -> tuple[Figures, ...]:
    """Every command there is."""
    commands: list[list[str]] = json.loads(run([sys.executable, "-c", COMMANDS], environment).output)
    found = []
    for each in commands:
        asked = [*each, "--help"]
        told = run([sys.executable, "-c", IMPORTS, json.dumps(asked)], environment).output
        modules = json.loads(told.splitlines()[-1])
        loaded = {name.partition(".")[0] for name in modules}
        runs = [run([sys.executable, "-m", "provisioner", *asked], environment) for _ in range(rounds)]
        heavy = tuple(name for name in HEAVY if name in loaded)
        found.append(Figures(" ".join(asked), middle(runs), len(modules), heavy))
    return tuple(found)
