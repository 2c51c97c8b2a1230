"""Where a filled-in form goes: to stdout or a file, a sealed letter beside it, a calendar file."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from provisioner.errors import InputFault, ProvisionerError

if TYPE_CHECKING:
    from provisioner.cli.handover import HandoverForm
    from provisioner.model.outcome import SecretParameter, SecretReceipt
    from provisioner.model.results import HandedOver
    from provisioner.model.secret import Secret

Revealed: TypeAlias = "tuple[tuple[SecretReceipt | SecretParameter, Secret], ...]"
"""Secrets and what holds them."""

FILE_COLUMNS = 100
"""The width of the terminal form in a file."""


@dataclass(frozen=True)
class Wanted:
    """What was asked for."""

    form: HandoverForm
    out: str | None
    recipients: tuple[str, ...]
    ics: str | None
    arguments: str
    """What to type after the next command's name."""

    @property
    def sealed(self) -> Path:
        """Where the sealed letter goes: `handover.html` -> `handover.secrets.age`."""
        return Path(self.out or "").with_suffix(".secrets.age")


def check(wanted: Wanted) -> None:
    """Raise InputFault before anything is asked of the tenant."""
    from provisioner.sinks import check_recipients

    if not wanted.recipients:
        return
    check_recipients(wanted.recipients)
    if wanted.out is None:
        raise InputFault(
            "--encrypt-to writes a file beside the form's own", advice="say where: --out FILE; it gets FILE.secrets.age"
        )


def say_what_is_open(result: HandedOver) -> None:
    """Why it is no whole handover, for whoever does not look into the file: what failed, and what is left."""
    from provisioner.model.outcome import ProofState
    from provisioner.reports.legible import legible

    for proof in result.proofs:
        if proof.state in (ProofState.FAILED, ProofState.NOT_YET):
            word = "failed" if proof.state is ProofState.FAILED else "not yet"
            sys.stderr.write(f"{word}: {legible(proof.title)}: {legible(proof.detail)}\n")
    if result.proofs and {each.state for each in result.proofs} == {ProofState.NOT_PROVEN}:
        sys.stderr.write("nothing could be proven\n")
    for each in result.plan.pending:
        sys.stderr.write(f"left: {legible(each.change.summary)}\n")


def hand_out(result: HandedOver, secrets: Revealed, wanted: Wanted) -> None:
    """Write everything that was asked for; what is a file is told on stderr."""
    from provisioner.reports import reminders

    calendar = reminders(result, arguments=wanted.arguments) if wanted.ics else None
    if wanted.ics and calendar is None:
        if result.secrets:
            raise ProvisionerError(
                "there is no secret whose end could be noted", advice="run `provisioner apply` first"
            )
        sys.stderr.write(f"no {wanted.ics}: this product has no secret of ours that ends\n")
    if wanted.recipients and not _asks_for_secrets(result):
        sys.stderr.write(f"no {wanted.sealed}: this product's form asks for no secret\n")
    elif wanted.recipients:
        _write(wanted.sealed, _sealed(result, secrets, wanted))
    if wanted.ics and calendar is not None:
        _write(Path(wanted.ics), calendar.encode())
    _show(result, wanted)


def _asks_for_secrets(result: HandedOver) -> bool:
    fields = (field for screen in result.screens for field in screen.fields)
    return bool(result.secrets) or any(field.parameter is not None for field in fields)


def _show(result: HandedOver, wanted: Wanted) -> None:
    """The form itself. Page and env file are UTF-8 wherever they go; the others have the stream's encoding."""
    from provisioner.cli.options import OutputForm
    from provisioner.cli.running import report_for

    if wanted.out is not None:
        _write(Path(wanted.out), _text(result, wanted).encode())
    elif wanted.form.value in [each.value for each in OutputForm]:
        report_for(OutputForm(wanted.form.value), wanted.arguments).handed_over(result)
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(_text(result, wanted).encode())


def _text(result: HandedOver, wanted: Wanted) -> str:
    from provisioner.reports import Form, env_file, open_report

    if wanted.form.value == "env":
        return "".join(part for part in env_file(result) if isinstance(part, str))
    written = io.StringIO()
    open_report(Form(wanted.form.value), written, arguments=wanted.arguments, width=FILE_COLUMNS).handed_over(result)
    return written.getvalue()


def _sealed(result: HandedOver, secrets: Revealed, wanted: Wanted) -> bytes:
    """For a program where it asked for an env file, else for a person."""
    from provisioner.reports import env_file, letter
    from provisioner.sinks import sealed

    values = {held.held_as: secret for held, secret in secrets}
    if not values:
        raise ProvisionerError("there is no secret to hand over yet", advice="run `provisioner apply` first")
    written = env_file(result, values) if wanted.form.value == "env" else letter(result, values)
    return sealed(written, wanted.recipients)


def _write(path: Path, content: bytes) -> None:
    from provisioner.disk import files

    with files.named_faults("handover", path):
        files.replace(path, content)
    sys.stderr.write(f"wrote {path}\n")
