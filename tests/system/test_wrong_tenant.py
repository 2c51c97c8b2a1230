"""A host, a name or a file that belongs to another tenant: nothing is done there, and the words say which is which."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.chain.steps import run
from tests.system.support import PLAYBOOK, Sandbox, forked

OTHER = "99999999-0000-4000-8000-000000000009"
FABRIKAM = "fabrikam.onmicrosoft.com"


def let_entra_be_fabrikams(sandbox: Sandbox) -> None:
    """Entra is Fabrikam's from now on, and the management host still goes to Contoso."""
    (organization,) = sandbox.state()["organization"]
    domain = {"capabilities": "Email", "isDefault": True, "isInitial": True, "name": FABRIKAM, "type": "Managed"}
    sandbox.plant("organization", {**organization, "displayName": "Fabrikam", "verifiedDomains": [domain]})


def instance_file(home: Path) -> Path:
    (file,) = (home / "tenants" / "sandbox").glob("*.yaml")
    return file


@pytest.mark.parametrize("driver", ["psrp", "jea"])
def test_a_host_of_another_tenant_stops_everything_before_the_first_write(
    driver: str, sandbox: Sandbox, home: Path
) -> None:
    let_entra_be_fabrikams(sandbox)
    mark = sandbox.mark()
    host = sandbox.endpoints["wsman"]["hostIdentity"]["organization"]
    checked = forked("tenants", "check", f"sandbox:{driver}", home=home)
    applied = run("apply", "--yes", home=home, tenant=f"sandbox:{driver}")
    for ended in (checked, applied):
        assert ended.returncode == 5, ended.stdout + ended.stderr
        for words in (host, FABRIKAM, "Fabrikam", "--organization"):
            assert words in ended.stderr
    assert sandbox.writes(mark) == []
    assert not (home / "receipts").exists()


def test_remove_is_stopped_too(sandbox: Sandbox, home: Path) -> None:
    done = run("apply", "--yes", home=home)
    assert done.returncode == 0, done.stdout + done.stderr
    let_entra_be_fabrikams(sandbox)
    mark = sandbox.mark()
    removed = forked("remove", PLAYBOOK, "--tenant", "sandbox", "--yes", home=home)
    assert removed.returncode == 5, removed.stdout + removed.stderr
    assert sandbox.writes(mark) == []


def test_the_web_service_has_the_tenant_in_its_address_and_nothing_to_compare(sandbox: Sandbox, home: Path) -> None:
    let_entra_be_fabrikams(sandbox)
    checked = forked("tenants", "check", "sandbox:rest", home=home)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_an_instance_file_of_another_tenant_is_refused(sandbox: Sandbox, home: Path) -> None:
    done = run("apply", "--yes", home=home)
    assert done.returncode == 0, done.stdout + done.stderr
    file, ours = instance_file(home), sandbox.endpoints["tenantId"]
    made = file.read_text()
    assert f"tenantId: {ours}" in made.replace('"', "")
    file.write_text(made.replace(ours, OTHER))
    mark = sandbox.mark()
    for command in (["plan"], ["apply", "--yes"], ["remove", "--yes"], ["verify"], ["handover"]):
        ended = forked(*command, PLAYBOOK, "--tenant", "sandbox", home=home)
        assert ended.returncode == 4, ended.stdout + ended.stderr
        assert all(words in ended.stderr for words in (str(file), ours, OTHER, "another name"))
    assert sandbox.writes(mark) == []
    earlier = [line for line in made.splitlines() if "tenantId" not in line]
    file.write_text("\n".join(earlier) + "\n")
    again = run("apply", "--yes", home=home)
    assert again.returncode == 0, again.stdout + again.stderr
    assert ours in file.read_text(), "one of an earlier version is taken, and the tenant noted"


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
@pytest.mark.parametrize("place", [".", "tenants", "tenants/sandbox", "file", "receipts", "receipts/sandbox"])
def test_a_home_that_others_can_write_is_refused_with_the_command_that_mends_it(
    place: str, sandbox: Sandbox, home: Path
) -> None:
    done = run("apply", "--yes", home=home)
    assert done.returncode == 0, done.stdout + done.stderr
    path = instance_file(home) if place == "file" else home / place
    path.chmod(0o777)
    mark = sandbox.mark()
    ended = forked("remove", PLAYBOOK, "--tenant", "sandbox", "--yes", home=home)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert sandbox.writes(mark) == []
    command = ended.stderr[ended.stderr.index("chmod") :].splitlines()[0]
    assert shlex.split(command) == ["chmod", "go-w", str(path)]
    subprocess.run(shlex.split(command), check=True)
    mended = forked("remove", PLAYBOOK, "--tenant", "sandbox", "--yes", home=home)
    assert mended.returncode == 0, mended.stdout + mended.stderr
