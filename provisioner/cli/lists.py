"""Plain lists on the terminal or as Markdown. Cells may come from strangers; they are never interpreted."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from provisioner.cli.options import OutputForm
from provisioner.reports.legible import legible


def write_list(form: OutputForm, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write one list to standard output."""
    if form is OutputForm.MARKDOWN:
        lines = [f"## {_cell(title)}", "", _row(columns), _row(["---"] * len(columns)), *(_row(each) for each in rows)]
        sys.stdout.write("\n".join(lines) + "\n")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(legible(title)), title_justify="left", box=None, pad_edge=False, show_header=any(columns))
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*(Text(legible(cell)) for cell in row))
    Console(file=sys.stdout).print(table)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_cell(each) for each in cells) + " |"


def _cell(text: str) -> str:
    escaped = legible(text)
    for each in "\\`*_|<>[]#&":
        escaped = escaped.replace(each, "\\" + each)
    return escaped
