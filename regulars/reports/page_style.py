"""How the feature page looks, on a screen in light and dark and on paper, and how it sorts."""

from __future__ import annotations

LIGHT = {
    "paper": "#ffffff",
    "panel": "#f5f7f9",
    "ink": "#1b232d",
    "dim": "#586473",
    "line": "#d9dfe6",
    "now": "#4a93c4",
    "then": "#b4530a",
    "stable": "#23703a",
    "moved": "#8a5600",
    "shifted": "#b42318",
}
DARK = {
    "paper": "#14191f",
    "panel": "#1c232b",
    "ink": "#e6eaef",
    "dim": "#9ba7b5",
    "line": "#2f3945",
    "now": "#3b82b5",
    "then": "#f0a05a",
    "stable": "#6cc58a",
    "moved": "#e3b341",
    "shifted": "#ff8a80",
}


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())


STYLE = (
    f"""
:root {{ color-scheme: light dark; {_variables(LIGHT)} }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)} }} }}
"""
    + """
body { margin: 0 auto; padding: 1.5rem; max-width: 86rem; background: var(--paper);
  color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.6rem; }
h2 { margin: 2.2rem 0 .2rem; font-size: 1.2rem; }
h3 { margin: 0 0 .4rem; font-size: 1rem; }
p { margin: .2rem 0; max-width: 60rem; }
a { color: inherit; }
code { font: .92em ui-monospace, monospace; overflow-wrap: anywhere; }
nav a { margin-right: 1rem; white-space: nowrap; }
.dim { color: var(--dim); font-size: .87em; }
.note { border-left: 3px solid var(--moved); padding-left: .6rem; }
.summary { display: grid; gap: 1rem; margin: 1.2rem 0;
  grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); }
.summary > div { background: var(--panel); border-radius: 8px; padding: .9rem 1rem; }
.summary ol { margin: 0; padding: 0; list-style: none; }
.summary li { display: flex; justify-content: space-between; gap: 1rem; padding: .1rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .45rem .6rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th { color: var(--dim); font-size: .87em; font-weight: 600; white-space: nowrap; }
th button { all: unset; cursor: pointer; }
th button:focus-visible { outline: 2px solid var(--now); }
th[aria-sort=ascending] button::after { content: " ▲"; }
th[aria-sort=descending] button::after { content: " ▼"; }
td.name { min-width: 13rem; max-width: 22rem; }
td.figure { white-space: nowrap; font-variant-numeric: tabular-nums; }
td.names { max-width: 13rem; }
.bar { display: block; width: 4rem; height: 5px; margin-top: .2rem; border-radius: 3px;
  background: var(--line); overflow: hidden; }
.bar > span { display: block; height: 100%; background: var(--now); }
.stable { color: var(--stable); } .moved { color: var(--moved); font-weight: 600; }
.shifted { color: var(--shifted); font-weight: 700; } .uniform { color: var(--dim); }
.plot { display: block; overflow: visible; border-bottom: 1px solid var(--line); }
.plot .now { fill: var(--now); } .plot .then { fill: var(--then); }
.plot .then-line { fill: none; stroke: var(--then); stroke-width: 1.5; }
.axis { display: flex; justify-content: space-between; width: 150px; }
.key-now, .key-then { font-weight: 600; }
.key-now { border-bottom: 5px solid var(--now); }
.key-then { border-bottom: 2px solid var(--then); }
@media print {
  @page { size: A4 landscape; margin: 12mm; }
  body { padding: 0; max-width: none; font-size: 10px; print-color-adjust: exact;
    -webkit-print-color-adjust: exact; }
  nav { display: none; } .wide { overflow: visible; }
  thead { display: table-header-group; } tr, .summary > div { break-inside: avoid; }
  h2 { break-after: avoid; }
}
"""
)

SORTING = """
for (const button of document.querySelectorAll("th button")) button.onclick = () => {
  const head = button.parentElement, place = head.cellIndex;
  const down = head.getAttribute("aria-sort") !== "descending";
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = head.closest("table").tBodies[0], key = row => row.cells[place].dataset.order;
  const compare = (a, b) => a === "" || b === "" ? (a === "") - (b === "")
    : (isNaN(a) ? a.localeCompare(b) : a - b) * (down ? -1 : 1);
  body.append(...[...body.rows].sort((a, b) => compare(key(a), key(b))));
};
"""
