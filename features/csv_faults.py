"""What is wrong with a file that cannot be read as a table, and what to do about it."""

from __future__ import annotations

import csv
import gzip
import re
from pathlib import Path

_SEPARATORS = ",;\t|"
_QUOTES = (
    "correct that line: a value that holds the separator or a line break must be in double quotes"
)
_WHOLE = "check that the file is whole and of the kind that its name says"


def explain(message: str) -> tuple[str, str]:
    """Turn an engine's error about a file into a problem and a remedy.

    At most the first line of the message is kept, and no line of the file: error messages must
    not show customers' data.
    """
    line = re.search(r"CSV Error on Line: (\d+)", message)
    where = f"line {line[1]}" if line else "a line"
    if "not utf-8" in message.lower():
        return (
            "it is not written in UTF-8",
            "save it as UTF-8; for a file in Latin-1: iconv -f latin1 -t utf-8 OLD.csv > NEW.csv",
        )
    if counts := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message):
        return f"{where} has {counts[2]} values where the header names {counts[1]}", _QUOTES
    if "unterminated quote" in message.lower():
        return f"a double quote opens on {where} and is not closed", _QUOTES
    if missing := re.search(r"Table with name (\S+) does not exist", message):
        meant = re.search(r'Did you mean "([^"]+)"', message)
        guess = meant[1].rpartition(".")[2] if meant else "<its name in the database>"
        return f"there is no table {missing[1]} in it", f'set table = "{guess}"'
    return message.splitlines()[0], _WHOLE


def explain_unsplit(file: Path, column: str) -> tuple[str, str] | None:
    """Explain why a file was read as one column though its header names several.

    Engines do not split lines if one of the first has another number of values than the header.

    Parameters
    ----------
    column
        The name of the one column: the whole header, if it was not split.

    Returns
    -------
    A problem and a remedy; None where the header does name a single column.
    """
    separator = max(_SEPARATORS, key=column.count)
    if separator not in column:
        return None
    named = len(next(csv.reader([column], delimiter=separator)))
    opened = gzip.open if file.suffix == ".gz" else open
    with opened(file, "rt", encoding="utf-8", errors="replace", newline="") as text:
        rows = csv.reader(text, delimiter=separator)
        odd = next(((rows.line_num, len(row)) for row in rows if len(row) not in {0, named}), None)
    place = "its lines have not all the same number of values"
    if odd is not None:
        place = f"line {odd[0]:,} has {odd[1]} values where the header names {named}"
    return f"it cannot be split into columns: {place}", _QUOTES
