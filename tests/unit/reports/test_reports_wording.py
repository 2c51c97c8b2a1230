from __future__ import annotations

import pytest
from report_examples import first_plan, plan_of

from provisioner.reports.wording import Commands, counted, either, guide


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ((), ""),
        (("11",), "guide, step 11"),
        (("8", "9"), "guide, steps 8 and 9"),
        (("4", "5", "6"), "guide, steps 4 to 6"),
        (("4", "6", "7"), "guide, steps 4, 6 and 7"),
        (("7", "7.2", "7.4"), "guide, steps 7, 7.2 and 7.4"),
        (("PowerShell 4", "PowerShell 5"), "guide, PowerShell 4, PowerShell 5"),
        (("Cryptshare 2-10",), "guide, Cryptshare 2-10"),
        (("10", "PowerShell 3"), "guide, 10, PowerShell 3"),
        (("²",), "guide, ²"),
    ],
)
def test_the_guides_steps_in_words(steps: tuple[str, ...], said: str) -> None:
    assert guide(steps) == said


def test_counts_leave_out_what_there_is_none_of() -> None:
    assert counted(((6, "to do"), (0, "blocked"), (2, "as wanted"))) == "6 to do, 2 as wanted"


def test_alternatives() -> None:
    assert [either(("A",)), either(("A", "B")), either(("A", "B", "C"))] == ["A", "A or B", "A, B or C"]


def test_commands_repeat_what_was_typed() -> None:
    typed = "./my.yaml --tenant contoso --set 'a=b c'"

    assert Commands(first_plan(), typed)("verify", "--wait", "2h") == f"provisioner verify {typed} --wait 2h"


def test_without_it_commands_show_what_is_known() -> None:
    assert Commands(first_plan(), None)("apply") == "provisioner apply cryptshare/server --tenant TENANT"
    assert (
        Commands(plan_of(instance="second"), None)("apply")
        == "provisioner apply cryptshare/server --tenant TENANT --instance second"
    )
