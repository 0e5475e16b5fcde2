"""How the page looks: the feature page's own colours, on paper-white, on a phone and in print."""

from __future__ import annotations

from training.plots.style import BAD, DIM, GOOD, INK, LINE, MOVED, OURS, PANEL

COLOURS = {
    "paper": "#ffffff",
    "panel": PANEL,
    "ink": INK,
    "dim": DIM,
    "line": LINE,
    "now": OURS,
    "stable": GOOD,
    "moved": MOVED,
    "shifted": BAD,
}

STYLE = (
    f":root {{ color-scheme: light; {''.join(f'--{k}:{v};' for k, v in COLOURS.items())} }}"
    + """
body { margin: 0 auto; padding: 1.5rem; max-width: 72rem; background: var(--paper);
  color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.6rem; }
h2 { margin: 2.2rem 0 .4rem; font-size: 1.2rem; }
h3 { margin: 1.2rem 0 .3rem; font-size: 1rem; }
p { margin: .2rem 0; max-width: 60rem; }
.dim { color: var(--dim); font-size: .87em; }
.findings { margin: 1rem 0; padding: 0; list-style: none; max-width: 60rem; }
.findings li { margin: .5rem 0; padding: .5rem .8rem; background: var(--panel);
  border-left: 4px solid var(--stable); border-radius: 4px; }
.findings li.note { border-left-color: var(--line); }
.findings li.warning { border-left-color: var(--shifted); }
.findings b { font-weight: 600; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .45rem .6rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th { color: var(--dim); font-size: .87em; font-weight: 600; }
th[scope=row] { color: var(--ink); font-size: 1em; min-width: 9rem; max-width: 20rem; }
th[scope=row] .dim { font-weight: 400; }
td.figure { white-space: nowrap; font-variant-numeric: tabular-nums; }
td.ours { background: var(--panel); }
td.words { min-width: 12rem; }
.better { color: var(--stable); } .worse, .fault { color: var(--shifted); }
.plots { display: grid; gap: 1rem; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }
figure { margin: 0; } figure img { display: block; width: 100%; max-width: 40rem; height: auto; }
figcaption { color: var(--dim); font-size: .87em; }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .2rem 1rem; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  body { padding: .8rem; } th[scope=row] { min-width: 7rem; }
  dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; }
}
@media print {
  @page { size: A4 landscape; margin: 12mm; }
  body { padding: 0; max-width: none; font-size: 10px; print-color-adjust: exact;
    -webkit-print-color-adjust: exact; }
  .wide { overflow: visible; } thead { display: table-header-group; }
  tr, figure, .findings li { break-inside: avoid; } h2, h3 { break-after: avoid; }
}
"""
)
