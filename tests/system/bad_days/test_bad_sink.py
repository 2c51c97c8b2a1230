"""The place for secrets fails: before the mint nothing has happened, after it nothing is lost."""

from __future__ import annotations

import errno
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.bad_days.days import ends_well, told
from tests.system.chain.steps import onboarded, result, run
from tests.system.support import PARAMETERS, PLAYBOOK, Sandbox, forked
from tests.system.tenant import only, our_application, stored_secrets


def _minted(sandbox: Sandbox) -> list[str]:
    return [each["operation"] for each in sandbox.history() if "addPassword" in each["operation"]]


def _apply(home: Path, before: Callable[[], None], sink: str | None = None) -> object:
    more = ("--sink", sink) if sink else ()
    return forked("apply", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--yes", *more, home=home, before=before)


def test_a_folder_that_does_not_exist(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    finished = run("apply", "--yes", "--sink", f"age:{tmp_path / 'not-mounted'}", home=home)
    told(finished, 1, "not-mounted", "mount it")
    assert _minted(sandbox) == []
    assert sandbox.writes() == []


def test_a_folder_that_is_a_file(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    finished = run("apply", "--yes", "--sink", f"age:{tmp_path / 'file'}", home=home)
    told(finished, 1, "file", advice=False)
    assert _minted(sandbox) == []


def test_a_home_that_cannot_be_made(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    finished = forked("tenants", "list", home=tmp_path / "home")
    assert "Traceback" not in finished.stderr
    assert finished.returncode in (0, 1, 4)
    planned = run("apply", "--yes", home=tmp_path / "home")
    told(planned, planned.returncode, "home", advice=False)
    assert planned.returncode in (1, 4)
    assert sandbox.writes() == []


def test_a_terminal_sink_without_a_terminal(sandbox: Sandbox, home: Path) -> None:
    finished = run("apply", "--yes", "--sink", "terminal", home=home)
    told(finished, finished.returncode, "terminal", advice=False)
    assert finished.returncode in (1, 3, 4)
    assert _minted(sandbox) == []


def _disk_is_full_at(number: int, folder: str) -> Callable[[], None]:
    """In the child: the n-th opening for writing below `folder` fails as on a full disk."""

    def arrange() -> None:
        seen = 0

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal seen
            if event != "open" or not isinstance(arguments[0], (str, bytes, os.PathLike)):
                return
            flags = arguments[2] if isinstance(arguments[2], int) else 0
            if folder in os.fsdecode(arguments[0]) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                seen += 1
                if seen == number:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        sys.addaudithook(hook)

    return arrange


@pytest.mark.parametrize("number", range(1, 13))
def test_the_disk_is_full_when_the_sink_writes(number: int, sandbox: Sandbox, home: Path) -> None:
    before = sandbox.state()
    finished = forked(
        "apply", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--yes", home=home,
        before=_disk_is_full_at(number, "/secrets"),
    )  # fmt: skip
    shown = finished.stdout + finished.stderr
    assert "Traceback" not in shown
    if finished.returncode != 0:
        assert finished.returncode == 1, shown
        assert "space" in shown or "disk" in shown, shown
    ends_well(sandbox, home, before)


@pytest.mark.parametrize("folder", ["/receipts", "/tenants/", "/locks", "/age"])
def test_the_disk_is_full_elsewhere(folder: str, sandbox: Sandbox, home: Path) -> None:
    before = sandbox.state()
    for number in (1, 2):
        finished = forked(
            "apply", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--yes", home=home,
            before=_disk_is_full_at(number, folder),
        )  # fmt: skip
        shown = finished.stdout + finished.stderr
        assert "Traceback" not in shown
        assert finished.returncode in (0, 1), shown
        assert finished.returncode == 0 or "space" in shown, shown
    ends_well(sandbox, home, before)


def test_files_may_not_grow(sandbox: Sandbox, home: Path) -> None:
    """RLIMIT_FSIZE: the system itself refuses to write."""
    before = sandbox.state()

    def arrange() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    arguments = ("apply", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--yes", "-o", "json")
    finished = forked(*arguments, home=home, before=arrange)
    assert finished.returncode == 1
    assert _minted(sandbox) == [], "minted although nothing can be stored"
    ends_well(sandbox, home, before)


def test_the_value_cannot_be_stored_after_the_mint(sandbox: Sandbox, home: Path) -> None:
    """Nobody can ever use that key: the next run finds it by its intent, removes it, and mints another."""
    before = sandbox.state()
    for number in range(1, 20):
        sandbox.reset()
        finished = forked(
            "apply", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--yes", home=home,
            before=_disk_is_full_at(number, "/secrets"),
        )  # fmt: skip
        if finished.returncode == 1 and _minted(sandbox) and stored_secrets(home) == {}:
            break
    else:
        raise AssertionError("no such moment was found")
    orphan = only(our_application(sandbox.state())["passwordCredentials"])["keyId"]
    ends_well(sandbox, home, before)
    assert orphan not in [each["keyId"] for each in our_application(sandbox.state())["passwordCredentials"]]


def test_another_key_than_the_secrets_were_sealed_for(sandbox: Sandbox, home: Path) -> None:
    onboarded(home)
    state = sandbox.state_hash()
    from pyrage import x25519

    identity = home / "age" / "identity"
    other = x25519.Identity.generate()
    identity.write_text(f"{other}\n")
    finished = run("verify", home=home)
    told(finished, finished.returncode, "not proven", "age")
    assert "✓ proven" not in finished.stdout
    applied = run("apply", "--yes", home=home)
    assert "Traceback" not in applied.stderr
    assert sandbox.state_hash() == state, "a secret was minted although the old one may be in use"


def test_the_identity_is_gone(sandbox: Sandbox, home: Path) -> None:
    onboarded(home)
    state = sandbox.state_hash()
    (home / "age" / "identity").unlink()
    finished = run("verify", home=home)
    told(finished, finished.returncode, "not proven", "the identity is not here", "age/identity")
    assert "✓ proven" not in finished.stdout
    run("apply", "--yes", home=home)
    assert sandbox.state_hash() == state


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"schemaVersion": 9}'])
def test_a_damaged_slot(content: bytes, sandbox: Sandbox, home: Path) -> None:
    before = sandbox.state()
    onboarded(home)
    state = sandbox.state_hash()
    (slot,) = (home / "secrets").glob("*/*.json")
    kept = slot.read_bytes()
    slot.write_bytes(content)
    told(run("apply", "--yes", home=home), 1, slot.name, "backup")
    assert sandbox.state_hash() == state
    slot.write_bytes(kept)
    ends_well(sandbox, home, {**before, "messages": sandbox.state()["messages"]})


def test_a_slot_that_others_can_read(sandbox: Sandbox, home: Path) -> None:
    onboarded(home)
    (slot,) = (home / "secrets").glob("*/*.json")
    slot.chmod(0o644)
    told(run("verify", home=home), 1, slot.name, advice=False)


def test_another_sink_knows_nothing_of_the_first(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    onboarded(home)
    first = only(our_application(sandbox.state())["passwordCredentials"])["keyId"]
    other = tmp_path / "share"
    other.mkdir(mode=0o700)
    result("apply", "--yes", "--sink", f"age:{other}", home=home)
    keys = {each["keyId"] for each in our_application(sandbox.state())["passwordCredentials"]}
    assert first in keys, "a key of another sink was removed"
    assert len(keys) == 2
    assert first in str(result("plan", "--sink", f"age:{other}", home=home)), "held elsewhere, and not said"
