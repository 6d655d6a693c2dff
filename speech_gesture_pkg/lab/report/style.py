"""Looks and the little script of the page. Colours are variables, so that plots follow light, dark and print."""

from __future__ import annotations

SERIES = 6
"""Colours of systems, in a fixed order; more systems begin again."""

CSS = """
:root{--paper:#fff;--ink:#1c2430;--soft:#5c6673;--line:#dde2e8;--panel:#f5f7f9;--grid:#e6eaee;--good:#1a7f4b;
--bad:#b3261e; --warn:#8a5a00;--s0:#2166ac;--s1:#c2571a;--s2:#1b8a6b;--s3:#8e4ba8;--s4:#7d6b00;--s5:#b03060;
--mark:#fff3c4}
@media screen and (prefers-color-scheme:dark){:root{--paper:#14181d;--ink:#e6eaee;--soft:#9aa5b1;--line:#2c343d;
 --panel:#1b2128;--grid:#28303a;--good:#5cc98e;--bad:#ff8a80;--warn:#e6b450;--s0:#6cb0ef;--s1:#f0965a;--s2:#4cc3a0;
 --s3:#c78fe0;--s4:#cdb93c;--s5:#f07fa5;--mark:#4a3f10}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1120px;margin:0 auto;padding:28px 20px 80px}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 4px}
h2{font-size:1.2rem;margin:44px 0 10px;padding-bottom:6px; border-bottom:1px solid var(--line)}
h3{font-size:1rem;margin:22px 0 8px}
p{margin:6px 0 10px;max-width:78ch}
a{color:var(--s0);text-decoration:none}
a:hover{text-decoration:underline}
.lead,.soft,small{color:var(--soft)}
code,.mono{font:0.86em/1.45 ui-monospace,"SFMono-Regular",Menlo,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
nav{display:flex;flex-wrap:wrap;gap:4px 16px;margin:14px 0 0;font-size:.9rem}
.scroll{overflow-x:auto;margin:8px 0 14px}
table{border-collapse:collapse;width:100%;font-size:.88rem; font-variant-numeric:tabular-nums}
th,td{padding:5px 10px 5px 0;text-align:left;vertical-align:top; border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--soft);vertical-align:bottom}
td:last-child,th:last-child{padding-right:0}
.name{white-space:nowrap}th.num{white-space:normal!important}
.num{text-align:right;white-space:nowrap}
tr.group td{font-weight:600;padding-top:16px}
@media print,(min-width:760px){.few .ci{display:inline!important;margin-left:.6em}}
table .mono{overflow-wrap:normal;white-space:nowrap}.wordy td:last-child{min-width:17em}
.sort th .mono{writing-mode:vertical-rl;transform:rotate(180deg);font-weight:400}
td .ci{display:block;color:var(--soft);font-size:.84em;white-space:nowrap}
.sort th{cursor:pointer;white-space:nowrap}
.sort th[aria-sort]::after{content:" \\25B2";font-size:.7em}
.sort th[aria-sort=descending]::after{content:" \\25BC"}
.sort td{white-space:nowrap}
.sort tr.failed td{color:var(--bad)}
.good{color:var(--good)}
.bad{color:var(--bad)}
.warn{color:var(--warn)}
.tag{display:inline-block;border:1px solid var(--line);border-radius:4px;padding:0 6px;font-size:.8rem;
color:var(--soft); white-space:nowrap}
.dot{display:inline-block;width:.7em;height:.7em;border-radius:50%;margin-right:.4em;background:currentColor}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(330px,100%),1fr));gap:14px 22px}
figure{margin:0;break-inside:avoid}
figcaption{font-size:.85rem;margin-bottom:2px}
figcaption b{font-weight:600}
svg{display:block;width:100%;height:auto;overflow:visible}
svg text{font:11px system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif; fill:var(--soft)}
svg .ink{fill:var(--ink)}
svg .grid-line{stroke:var(--grid);stroke-width:1}
svg .axis{stroke:var(--soft);stroke-width:1}
.f0{fill:var(--s0);color:var(--s0)}
.f1{fill:var(--s1);color:var(--s1)}
.f2{fill:var(--s2);color:var(--s2)}
.f3{fill:var(--s3);color:var(--s3)}
.f4{fill:var(--s4);color:var(--s4)}
.f5{fill:var(--s5);color:var(--s5)}
.l0{stroke:var(--s0)}
.l1{stroke:var(--s1)}
.l2{stroke:var(--s2)}
.l3{stroke:var(--s3)}
.l4{stroke:var(--s4)}
.l5{stroke:var(--s5)}
.l0,.l1,.l2,.l3,.l4,.l5{fill:none;stroke-width:1.6;stroke-linejoin:round}
.dotted{stroke-dasharray:3 3}
.faint{fill:var(--grid)}
.area{fill:var(--line)}
.worst line{stroke:var(--bad);stroke-width:1.2}
.worst text{fill:var(--bad)}
.worst:target line{stroke-width:4}
.legend{display:flex;flex-wrap:wrap;gap:2px 16px;font-size:.85rem;margin:4px 0 10px}
.strip{display:grid;grid-template-columns:repeat(auto-fit,minmax(92px,1fr));gap:6px;margin:8px 0}
.strip figure{background:var(--panel);border-radius:6px;padding:4px;text-align:center}
.strip figcaption{color:var(--soft);margin:0}
.strip svg{overflow:hidden}
.strip img{width:100%;height:auto;display:block;border-radius:4px}
.bone{stroke:var(--ink);stroke-linecap:round;fill:none}
.bone.left{stroke:var(--s0)}
.bone.right{stroke:var(--s1)}
.trunk{fill:var(--soft);stroke:var(--soft);stroke-width:9;stroke-linejoin:round}
.head{fill:var(--ink)}
.case{border:1px solid var(--line);border-radius:8px;padding:12px 14px;margin:14px 0;break-inside:avoid}
.case h3,.case p{overflow-wrap:anywhere}.case h3{margin:0 0 4px}
.case:target{background:var(--mark)}
.case ul{margin:6px 0;padding-left:20px}
pre{background:var(--panel);border-radius:6px; padding:8px 10px;margin:8px 0;overflow-x:auto;white-space:pre-wrap;
overflow-wrap:anywhere}
.facts{display:grid;grid-template-columns:minmax(120px,max-content) 1fr;gap:2px 18px;font-size:.9rem;margin:8px 0}
.facts dt{color:var(--soft)}
.facts dd{margin:0;overflow-wrap:anywhere}
.terms dt{font-weight:600;margin-top:12px;overflow-wrap:anywhere}
.terms dd{margin:0;max-width:92ch}
.terms dt:target{background:var(--mark)}
.wide{display:table-cell}
.note{background:var(--panel);border-left:3px solid var(--warn);padding:8px 12px;border-radius:0 6px 6px 0;
 max-width:92ch}
.print-only{display:none}
@media (max-width:600px){.few .mono,.few .ci{white-space:normal}main{padding:18px 14px 60px}
h1{font-size:1.35rem}
.facts{grid-template-columns:1fr}
.facts dd{margin-bottom:6px}
body{font-size:14px}}
@media print{.strip{grid-template-columns:repeat(6,1fr);margin:4px 0}.strip svg,.strip img{max-height:84px}
.case .scroll svg{width:74%;min-width:0!important}
pre{font-size:7pt;padding:4px 8px}.case{padding:8px 10px;margin:8px 0}
body{font-size:10pt}
main{max-width:none;padding:0}
nav,.screen-only{display:none!important}
.print-only{display:block}
h2{break-after:avoid;margin-top:22px}
.scroll{overflow:visible}
table{font-size:8pt}
tr{break-inside:avoid}
a{color:inherit}
.grid{grid-template-columns:repeat(2,1fr)}
.wide{display:none}
@page{margin:16mm 14mm}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
"""

SCRIPT = """
for (const table of document.querySelectorAll('table.sort')) {
  const heads = table.tHead.rows[0].cells, body = table.tBodies[0];
  for (const head of heads) head.addEventListener('click', () => {
    const down = head.getAttribute('aria-sort') === 'ascending', k = head.cellIndex;
    for (const other of heads) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    const key = row => row.cells[k].dataset.v ?? row.cells[k].textContent.trim();
    const order = (a, b) => {
      const x = key(a), y = key(b);
      if ((x === '') !== (y === '')) return x === '' ? 1 : -1;
      const d = x !== '' && y !== '' && !isNaN(x) && !isNaN(y) ? x - y : x.localeCompare(y);
      return down ? -d : d;
    };
    [...body.rows].sort(order).forEach(row => body.appendChild(row));
  });
}
const find = document.getElementById('find');
if (find) find.addEventListener('input', () => {
  const text = find.value.toLowerCase();
  for (const row of document.querySelectorAll('table.sort tbody tr'))
    row.style.display = row.textContent.toLowerCase().includes(text) ? '' : 'none';
});
"""
