"""The report on segments in a terminal, as one HTML page, and as Markdown."""

from __future__ import annotations

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


def show_segment_tables(console: Console, findings: SegmentFindings) -> None:
    """Print every table."""
    console.print(f"  {escape(_opening(findings))}\n")
    for sheet in sheets(findings):
        title = f"[bold]{escape(sheet.title)}[/]"
        table = Table(
            title=title,
            title_justify="left",
            title_style="",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            show_edge=False,
            padding=(0, 1, 0, 0),
        )
        for place, heading in enumerate(sheet.headings):
            justify: JustifyMethod = "left" if place < sheet.texts else "right"
            table.add_column(escape(heading), justify=justify, overflow="fold")
        for row in sheet.rows:
            table.add_row(*(escape(cell) for cell in row))
        console.print(table)
        for note in sheet.notes:
            console.print(f"  {escape(note)}\n")
    for note in findings.notes:
        console.print(f"  {escape(note)}")


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
