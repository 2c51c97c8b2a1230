"""Sheets on a terminal: colours where there are any, hanging indents, and nothing cut off. Plain text in a pipe.

No boxes: they break in logs, tickets and narrow windows. Every text becomes a `Text`, never markup, after it was made
legible for this stream's encoding; so neither rich nor the terminal finds anything to obey.
"""

from __future__ import annotations

import io
import re
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from provisioner.model.plan import Plan, approve
from provisioner.model.results import Planned
from provisioner.reports.legible import encodable, legible, prose
from provisioner.reports.sheet import Detail, Field, Item, Kind, Next, Part, Screen, Sheet, Tone
from provisioner.reports.sheet_report import SheetReport
from provisioner.reports.wording import SANDBOX

STYLES = {
    Tone.PLAIN: "",
    Tone.ADD: "green",
    Tone.CHANGE: "yellow",
    Tone.TAKE: "red",
    Tone.QUIET: "dim",
    Tone.GOOD: "green",
    Tone.WAIT: "yellow",
    Tone.ALARM: "bold red",
}
"""The sixteen colours only, so that the reader's own theme decides how they look."""

MOST_COLUMNS = 120
"""Longer lines are hard to read, and the guide's steps at the right would be far from what they belong to."""

FEWEST_COLUMNS = 40
"""In a narrower window the terminal breaks the lines itself; signs, words and labels need their columns."""

SHORTEST_LABELS = 7
"""Columns for the labels under items, so that most of them stand under each other."""

PICTURE_COLUMNS = 100


class _Unbroken(Text):
    """What somebody copies. It gets no line ends of ours: the terminal wraps it, and a selection stays whole."""


class TerminalReport(SheetReport):
    """The Report for eyes."""

    def __init__(self, console: Console, *, arguments: str | None = None) -> None:
        super().__init__(arguments)
        self._console = console

    def draw(self, sheet: Sheet) -> None:
        """Head, parts, sum."""
        parts: list[RenderableType] = [Text(self._name(sheet.title).plain, "bold")]
        if sheet.sandbox:
            parts.append(Text(SANDBOX, "bold black on yellow"))
        parts += self._details(sheet.facts, indent=2)
        for part in sheet.parts:
            parts += [Text(), *self._part(part)]
        parts += [Text(), *(Text(self._prose(each).plain, "bold") for each in sheet.closing)]
        parts += self._next(sheet.next)
        self._print(parts)

    def draw_error(self, message: str, places: tuple[str, ...], details: tuple[Detail, ...]) -> None:
        """The message, then each place on a line of its own."""
        head = Text.assemble(("error: ", "bold red"), self._prose(message))
        self._print([head, *(_Unbroken(self._name(each).plain) for each in places), *self._details(details, indent=2)])

    def _print(self, parts: list[RenderableType]) -> None:
        if self._console.is_terminal:
            self._print_all(parts)
            return
        with self._console.capture() as capture:
            self._print_all(parts)
        self._console.file.write(re.sub(r" +$", "", capture.get(), flags=re.MULTILINE))

    def _print_all(self, parts: list[RenderableType]) -> None:
        for each in parts:
            if isinstance(each, _Unbroken):
                self._console.print(each, soft_wrap=True)
            else:
                self._console.print(each, overflow="fold")

    def _part(self, part: Part) -> list[RenderableType]:
        if isinstance(part, Screen):
            return self._screen(part)
        shown: list[RenderableType] = [Text(self._prose(part.title).plain, "bold underline")]
        words = max(self._name(each.word).cell_len for each in part.items)
        for each in part.items:
            shown += self._item(each, words)
        return shown

    def _item(self, item: Item, words: int) -> list[RenderableType]:
        sign = item.mark.value if encodable(item.mark.value, self._console.encoding) else ""
        word = self._name(item.word).plain
        head = f"{sign} {word}{' ' * (words - cell_len(word))} ".lstrip(" ") if words else sign
        indent = cell_len(head) + 1 if head else 2
        title = Text(self._prose(item.title).plain, "dim" if item.tone is Tone.QUIET else "")
        aside = self._prose(item.aside)
        beside = indent + title.cell_len + 2 + aside.cell_len <= self._console.width
        row = Table.grid(padding=(0, 1, 0, 0), expand=True)
        row.add_column(no_wrap=True, width=indent - 1)
        row.add_column(ratio=1, overflow="fold")
        row.add_column(no_wrap=True, justify="right", style="dim")
        row.add_row(Text(head, STYLES[item.tone]), title, aside if beside else Text())
        details = item.details if beside or not item.aside else (*item.details, Detail("source", item.aside))
        return [row, *self._details(details, indent=indent + 2, labels=SHORTEST_LABELS)]

    def _details(self, details: tuple[Detail, ...], *, indent: int, labels: int = 0) -> list[RenderableType]:
        if not details:
            return []
        widest = max(labels, *(cell_len(each.label) for each in details))
        shown: list[RenderableType] = []
        for each in details:
            label = Text(each.label.ljust(widest), STYLES[each.tone] if each.tone is not Tone.PLAIN else "dim")
            text = self._text(each)
            if each.kind is Kind.COPY:
                shown.append(_Unbroken.assemble(" " * indent, label, "  ", text))
                continue
            row = Table.grid(padding=(0, 2, 0, 0), expand=True)
            row.add_column(no_wrap=True, width=widest)
            row.add_column(ratio=1, overflow="fold")
            row.add_row(label, text)
            shown.append(Padding(row, (0, 0, 0, indent)))
        return shown

    def _screen(self, screen: Screen) -> list[RenderableType]:
        head = Table.grid(padding=(0, 2, 0, 0), expand=True)
        head.add_column(ratio=1, overflow="fold")
        head.add_column(justify="right", style="dim")
        head.add_row(Text(self._name(screen.title).plain, "bold underline"), self._prose(screen.aside))
        shown: list[RenderableType] = [head]
        widest = max((cell_len(self._name(each.title).plain) for each in screen.fields), default=0)
        values = max((cell_len(self._name(each.value).plain) for each in screen.fields), default=0)
        beside = 4 + widest + 2 + values <= self._console.width
        for number, each in enumerate(screen.fields, 1):
            shown += self._field(number, each, widest if beside else None)
        if screen.actions:
            shown.append(Text("  then", "dim"))
        for number, action in enumerate(screen.actions, len(screen.fields) + 1):
            shown.append(self._numbered(number, self._prose(action)))
        return shown

    def _field(self, number: int, field: Field, beside: int | None) -> list[RenderableType]:
        value = Text(self._name(field.value).plain, "bold" if field.copied else "dim")
        if beside is None:
            unbroken = _Unbroken.assemble("     ", value)
            return [
                self._numbered(number, self._name(field.title)),
                unbroken,
                *self._details(field.details, indent=7, labels=SHORTEST_LABELS),
            ]
        row = Table.grid(padding=(0, 2, 0, 0))
        row.add_column(no_wrap=True, width=beside)
        row.add_column(overflow="fold")
        row.add_row(self._name(field.title), value)
        copied = max((cell_len(each.text) for each in field.details if each.kind is Kind.COPY), default=0)
        fits = 7 + beside + SHORTEST_LABELS + 2 + copied <= self._console.width
        indent = 7 + beside if fits else 7
        return [self._numbered(number, row), *self._details(field.details, indent=indent, labels=SHORTEST_LABELS)]

    def _numbered(self, number: int, shown: RenderableType) -> RenderableType:
        row = Table.grid(padding=(0, 1, 0, 0))
        row.add_column(no_wrap=True, width=4, justify="right")
        row.add_column(overflow="fold")
        row.add_row(Text(f"{number}.", "dim"), shown)
        return row

    def _next(self, steps: tuple[Next, ...]) -> list[RenderableType]:
        return [
            each
            for step in steps
            for each in (
                Text(f"Next, {self._prose(step.when).plain}:", "dim"),
                _Unbroken("  " + self._name(step.command).plain),
            )
        ]

    def _text(self, detail: Detail) -> Text:
        text = self._prose(detail.text) if detail.kind is Kind.PROSE else self._name(detail.text)
        if detail.tone in (Tone.QUIET, Tone.ALARM):
            text.stylize("dim" if detail.tone is Tone.QUIET else "red")
        if detail.code:
            text.append(f" ({self._name(detail.code).plain})", "dim")
        return text

    def _name(self, text: str) -> Text:
        return Text(legible(text, self._console.encoding))

    def _prose(self, text: str) -> Text:
        return Text(prose(text, self._console.encoding))


def console_on(stream: TextIO, width: int | None = None) -> Console:
    """A console that interprets nothing. `width` in columns; None asks the terminal, up to `MOST_COLUMNS`."""
    console = Console(file=stream, width=width, highlight=False, markup=False, emoji=False)
    console.width = max(FEWEST_COLUMNS, min(console.width, width or MOST_COLUMNS))
    return console


def picture(plan: Plan, *, arguments: str | None = None) -> str:
    """A plan as SVG, `PICTURE_COLUMNS` wide. Names no other place: rich's own template loads a font from a CDN."""
    console = Console(
        file=io.StringIO(),
        width=PICTURE_COLUMNS,
        record=True,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
        _environ={},
    )
    TerminalReport(console, arguments=arguments).plan(Planned(plan, approve("", plan)))
    drawn = console.export_svg(title=legible(f"provisioner plan {arguments or plan.playbook}"), unique_id="plan")
    return re.sub(r"\s*(@font-face \{.*?\n\s*\}|<!--.*?-->)", "", drawn, flags=re.DOTALL)
