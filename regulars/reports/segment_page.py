"""The report on segments in a terminal, as one HTML page, and as Markdown."""

from __future__ import annotations

from dataclasses import replace
from xml.etree.ElementTree import Element

from rich import box
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.table import Table

from regulars.reports.page_style import STYLE
from regulars.reports.segment_findings import SegmentFindings, Sheet, sheets
from training.scorecard.markup import element, head, render

# Nothing is loaded from anywhere: a customer's id may say anything.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
# Columns between two columns of a table in the terminal.
_GAP = 2


def show_segment_tables(console: Console, findings: SegmentFindings) -> None:
    """Print every table, no word broken where the console is wide enough for the words."""
    console.print(f"  {escape(_opening(findings))}\n")
    for sheet in sheets(findings):
        room = console.width - _GAP * len(sheet.headings)
        fitting = sheet if sum(_longest_words(sheet)) <= room else _numbered(sheet)
        console.print(_terminal_table(fitting, room))
        for note in fitting.notes:
            console.print(f"  {escape(note)}\n")
    for note in findings.notes:
        console.print(f"  {escape(note)}")


def _terminal_table(sheet: Sheet, room: int) -> Table:
    table = Table(
        title=f"[bold]{escape(sheet.title)}[/]",
        title_justify="left",
        title_style="",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    widths = _column_widths(sheet, room)
    for place, (heading, width) in enumerate(zip(sheet.headings, widths, strict=True)):
        justify: JustifyMethod = "left" if place < sheet.texts else "right"
        table.add_column(escape(heading), justify=justify, overflow="fold", width=width)
    for row in sheet.rows:
        table.add_row(*(escape(cell) for cell in row))
    return table


def _numbered(sheet: Sheet) -> Sheet:
    """Return a sheet with numbers for the headings of its figures, and a note of what they are."""
    texts, figures = sheet.headings[: sheet.texts], sheet.headings[sheet.texts :]
    named = [f"{number} {heading}" for number, heading in enumerate(figures, 1)]
    numbers = tuple(str(number) for number in range(1, len(figures) + 1))
    note = f"Columns: {', '.join(named)}."
    return replace(sheet, headings=(*texts, *numbers), notes=(note, *sheet.notes))


def _column_widths(sheet: Sheet, room: int) -> list[int]:
    """Return each column's width: its longest word, and more where there is room for more."""
    widths = _longest_words(sheet)
    wanted = [max(map(len, column)) for column in _columns(sheet)]
    spare = room - sum(widths)
    for place in sorted(range(len(widths)), key=lambda place: wanted[place] - widths[place]):
        more = max(min(wanted[place] - widths[place], spare), 0)
        widths[place] += more
        spare -= more
    return widths


def _longest_words(sheet: Sheet) -> list[int]:
    return [
        max((len(word) for cell in column for word in cell.split()), default=1)
        for column in _columns(sheet)
    ]


def _columns(sheet: Sheet) -> list[tuple[str, ...]]:
    return list(zip(sheet.headings, *sheet.rows, strict=True))


def segments_page(findings: SegmentFindings) -> str:
    """Return the page as text; it needs nothing beside itself."""
    title = f"Segments of {findings.shop}"
    body = element(
        "body",
        element("header", element("h1", title), element("p", _opening(findings))),
        *(element("p", note, class_="note") for note in findings.notes),
        *(_section(sheet) for sheet in sheets(findings)),
        element("p", f"Made {findings.made_at:%Y-%m-%d %H:%M} UTC.", class_="dim"),
    )
    return render(element("html", head(title, STYLE, _POLICY), body, lang="en"))


def segments_markdown(findings: SegmentFindings) -> str:
    """Return the report as Markdown."""
    parts = [f"# Segments of {findings.shop}", _opening(findings), *findings.notes]
    parts += [_markdown(sheet) for sheet in sheets(findings)]
    return "\n\n".join(parts) + "\n"


def _opening(findings: SegmentFindings) -> str:
    since = "" if findings.since is None else f", and how they moved since {findings.since}"
    return f"{findings.shop}: customers as of {findings.as_of}{since}."


def _section(sheet: Sheet) -> Element:
    heads = (element("th", name, scope="col") for name in sheet.headings)
    table = element(
        "table",
        element("thead", element("tr", *heads)),
        element("tbody", *(_row(row, sheet.texts) for row in sheet.rows)),
    )
    notes = (element("p", note, class_="dim") for note in sheet.notes)
    return element(
        "section", element("h2", sheet.title), element("div", table, class_="wide"), *notes
    )


def _row(row: tuple[str, ...], texts: int) -> Element:
    words = (element("td", cell) for cell in row[:texts])
    return element("tr", *words, *(element("td", cell, class_="figure") for cell in row[texts:]))


def _markdown(sheet: Sheet) -> str:
    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    places = range(len(sheet.headings))
    rule = "|" + "|".join("---" if place < sheet.texts else "---:" for place in places) + "|"
    lines = [f"## {sheet.title}", "", line(sheet.headings), rule, *map(line, sheet.rows)]
    return "\n".join([*lines, *(f"\n{note}" for note in sheet.notes)])
