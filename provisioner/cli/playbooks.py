"""`provisioner playbooks`: list, show, draft, check, and the format's JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli import options
from provisioner.cli.running import Exit, fail, show, show_sheet
from provisioner.errors import FaultyPlace, InputFault

if TYPE_CHECKING:
    from provisioner.playbook import Playbook

app = typer.Typer(help="Look at playbooks, and check your own.", no_args_is_help=True)


@app.command("list")
def list_playbooks(output: options.Output = options.OutputForm.TERMINAL) -> None:
    """List the bundled playbooks."""
    from provisioner import playbook

    rows = [{"id": each.name, "title": each.title, "summary": each.summary} for each in playbook.bundled()]
    if output is options.OutputForm.JSON:
        typer.echo(json.dumps({"schemaVersion": 1, "sandbox": None, "playbooks": rows}, indent=2))
        return
    show(output, "Playbooks", ("playbook", "product", "what it sets up"), [tuple(each.values()) for each in rows])


@app.command("show")
def show_playbook(playbook_name: options.Playbook, output: options.Output = options.OutputForm.TERMINAL) -> None:
    """Show a playbook's parameters, variants and warnings.

    Example: provisioner playbooks show cryptshare/server
    """
    from provisioner import playbook

    try:
        text, file_name = playbook.find(playbook_name)
        book = playbook.load(text, file_name)
    except InputFault as error:
        fail(error, output)
    if output is options.OutputForm.JSON:
        typer.echo(json.dumps(_as_data(book), indent=2))
        return
    from provisioner.cli.playbook_sheet import playbook_sheet

    show_sheet(output, playbook_sheet(book, playbook_name))


@app.command("new")
def new(
    playbook_id: Annotated[str, typer.Argument(metavar="VENDOR/PRODUCT", help="What to call it, for ever.")],
    guide: Annotated[Path, typer.Option("--guide", metavar="FILE", help="The vendor's guide, as a saved file.")],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="[default: PRODUCT.yaml]")] = None,
) -> None:
    """Draft a playbook: asks what the vendor's guide says, and writes a file that passes every check.

    Example: provisioner playbooks new acme/mailer --guide acme-mailer.pdf
    """
    from datetime import UTC, datetime

    from provisioner.cli import playbook_questions
    from provisioner.playbook import drafting

    form = options.OutputForm.TERMINAL
    path = out or Path(f"{playbook_id.rpartition('/')[2]}.yaml")
    try:
        if path.exists():
            raise InputFault(f"{path} is there already", advice="name another file with --out")
        text = drafting.drafted(playbook_questions.answers(playbook_id, guide, datetime.now(UTC).date()))
    except InputFault as error:
        fail(error, form)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        fail(InputFault(f"{path}: {error.strerror}", advice="name another file with --out"), form)
    typer.echo(
        f"{path} is written. Now yours to say: why each permission is needed, the guide's step numbers, its warnings.\n"
        f"Then: provisioner playbooks check {path}, and provisioner onboard {path} --tenant sandbox"
    )


@app.command("check")
def check(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Playbook files or bundled names.")],
    output: options.Output = options.OutputForm.TERMINAL,
) -> None:
    """Check playbooks; all faults at once, each as file:line:column.

    Example: provisioner playbooks check acme/mailer.yaml
    """
    from provisioner import playbook

    faults: list[FaultyPlace] = []
    for each in paths:
        try:
            playbook.load(*playbook.find(each))
        except InputFault as error:
            faults += error.places or (FaultyPlace(each, 0, 0, error.message, error.advice),)
    if faults:
        number = f"{len(faults)} fault" + ("s" if len(faults) > 1 else "")
        fail(InputFault(number, tuple(faults), advice="the format: provisioner playbooks schema"), output)
    if output is options.OutputForm.JSON:
        typer.echo(json.dumps({"schemaVersion": 1, "sandbox": None, "checked": paths, "faults": []}, indent=2))
        return
    typer.echo("\n".join(f"{each}: good" for each in paths))


@app.command("schema")
def schema(
    out: Annotated[str | None, typer.Option("--out", metavar="FILE", help="Write it to a file.")] = None,
) -> None:
    """Print the JSON Schema of the playbook format, for editors."""
    from provisioner import playbook

    text = playbook.json_schema()
    if out is None:
        typer.echo(text)
        return
    try:
        Path(out).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        typer.echo(f"{out}: {error.strerror}", err=True)
        raise typer.Exit(Exit.FAILED) from None


def _as_data(book: Playbook) -> dict[str, object]:
    return {
        "schemaVersion": 1,
        "sandbox": None,
        "id": book.id,
        "vendor": book.vendor,
        "title": book.title,
        "summary": book.summary,
        "variants": list(book.variants),
        "parameters": [
            {
                "name": name,
                "type": each.type,
                "title": each.title,
                "required": each.required,
                "default": each.default,
                "example": each.example,
                "choices": list(each.choices),
                "secret": each.secret,
                "help": each.help,
            }
            for name, each in book.parameters.items()
        ],
    }
