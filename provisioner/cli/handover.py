"""`provisioner handover`: the vendor's form, filled in, in the form that somebody needs it in."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Optional

import typer

from provisioner.cli import options
from provisioner.cli.running import Exit


class HandoverForm(StrEnum):
    """How the form is shown: as any result, as a page, or for a program's environment."""

    TERMINAL = "terminal"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"
    ENV = "env"


def handover(
    playbook: options.Playbook,
    tenant: options.TenantName,
    settings: options.Settings = None,
    parameters: options.ParametersFile = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show the secrets too. Only on a terminal.")] = False,
    out: Annotated[
        Optional[str],  # noqa: UP045 typer reads it at run time
        typer.Option("--out", metavar="FILE", help="Write it to a file."),
    ] = None,
    encrypt_to: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--encrypt-to",
            metavar="RECIPIENT",
            help="Beside --out, write the form with its secrets, encrypted to this age recipient; may be repeated.",
        ),
    ] = None,
    ics: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--ics", metavar="FILE", help="Write a calendar file that reminds of the day a secret ends."),
    ] = None,
    evidence: Annotated[
        Optional[bool],  # noqa: UP045
        typer.Option(
            "--evidence/--no-evidence",
            help="With every setting and permission as it is now, and the proofs. Without saying: with -o html only.",
        ),
    ] = None,
    send: options.Send = False,
    wait: options.Wait = "0",
    instance: options.Instance = "default",
    variant: options.Variant = None,
    sink: options.SinkName = None,
    output: Annotated[
        HandoverForm,
        typer.Option(
            "--output", "-o", metavar="FORM", help="How to show the result: terminal, json, markdown, html or env."
        ),
    ] = HandoverForm.TERMINAL,
) -> None:
    """Fill in the vendor's own form, in its own titles and order. Secrets are named by where they lie.

    Example: provisioner handover cryptshare/server --tenant contoso -o html --out handover.html --ics expiry.ics
    """
    from provisioner.cli.asking import asking
    from provisioner.cli.connections import Connections, PersonAtTerminal
    from provisioner.cli.handover_files import Wanted, check, hand_out, say_what_is_open
    from provisioner.cli.requesting import build_request, what_follows
    from provisioner.cli.running import home, progress, run
    from provisioner.cli.verdicts import of_handed_over
    from provisioner.errors import InputFault
    from provisioner.reports import field_title
    from provisioner.workflows.handover import handover as fill
    from provisioner.workflows.handover import reveal as reveal_secrets

    arguments = what_follows(
        playbook, tenant, instance, settings=settings, parameters_file=parameters, sink=sink, variant=variant
    )
    talk = options.OutputForm.JSON if output is HandoverForm.JSON else options.OutputForm.TERMINAL
    wanted = Wanted(output, out, tuple(encrypt_to or ()), ics, arguments)
    with_evidence = output is HandoverForm.HTML if evidence is None else evidence

    async def work() -> Exit:
        person = PersonAtTerminal()
        if reveal and not person.interactive:
            raise InputFault(
                "--reveal shows secrets on a terminal only", advice="use a terminal, or --encrypt-to RECIPIENT"
            )
        check(wanted)
        request = build_request(
            home(),
            playbook=playbook,
            tenant=tenant,
            settings=settings,
            parameters_file=parameters,
            instance=instance,
            variant=variant,
            sink=sink,
            send=send,
            wait=wait,
            existing=True,
            proving=True,
        )
        with progress(talk) as shown:
            async with Connections(home(), shown) as connections:
                ports = connections.ports(asking(talk, yes=False, question="", pause=shown.paused))
                filled = await fill(request, ports, evidence=with_evidence)
                secrets = await reveal_secrets(request, ports) if reveal or encrypt_to else ()
        for held, secret in secrets if reveal else ():
            person.show(field_title(filled, held), secret)
        hand_out(filled, secrets, wanted)
        code = of_handed_over(filled) if with_evidence else Exit.DONE
        if code is not Exit.DONE and out is not None:
            say_what_is_open(filled)
        return code

    raise typer.Exit(run(work, talk))
