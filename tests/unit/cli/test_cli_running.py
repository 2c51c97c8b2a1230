"""How a command ends: one error is told once, whatever else failed beside it."""

from __future__ import annotations

import asyncio

import pytest
import typer

from provisioner.cli.options import OutputForm
from provisioner.cli.running import run
from provisioner.errors import InputFault


async def _fails_when_cancelled(error: Exception) -> None:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        raise error from None


@pytest.mark.parametrize(("beside", "told"), [(InputFault("the second"), False), (ValueError("a bug"), True)])
def test_what_failed_beside_is_told_only_where_it_is_a_bug(
    beside: Exception, told: bool, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work() -> None:
        task = asyncio.ensure_future(_fails_when_cancelled(beside))
        await asyncio.sleep(0)
        assert not task.done()
        raise InputFault("the first")

    with pytest.raises(typer.Exit):
        run(work, OutputForm.TERMINAL)

    assert "the first" in capsys.readouterr().err
    assert ("unhandled exception" in caplog.text) is told
