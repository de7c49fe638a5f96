const DARK = `--ground: #141517; --card: #1c1e21; --ink: #e8e9ea; --soft: #9ba0a8; --rule: #32353a; --good: #5bc98f; --bad: #f0847b; --tint: #24272b; --busy: #e6bb4a;
  --c0: #79a8ff; --c1: #ff9a66; --c2: #4fd1a5; --c3: #bd97f2; --c4: #e6bb4a; --c5: #f07fb4; --c6: #8a8f98;`;

/** The page's style sheet. System fonts, light and dark, readable when printed. */
export const STYLE = `
:root { color-scheme: light dark; --ground: #fbfbfa; --card: #ffffff; --ink: #1c1e21; --soft: #63676e; --rule: #e4e4e1; --good: #18794e; --bad: #c2362b; --tint: #f2f3f1; --busy: #8a5f00;
  --c0: #2f6fde; --c1: #d9622b; --c2: #1f9d73; --c3: #8e5bd0; --c4: #c6930a; --c5: #c23a7c; --c6: #8a8f98; }
@media (prefers-color-scheme: dark) { :root:not([data-theme='light']) { ${DARK} } }
:root[data-theme='dark'] { ${DARK} }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 72px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.015em; }
h2 { font-size: 21px; margin: 48px 0 6px; letter-spacing: -0.01em; }
h3 { font-size: 15px; margin: 0; } h3.apart { margin-top: 22px; }
p { margin: 8px 0; max-width: 74ch; }
.soft, .caption, .note { color: var(--soft); }
.caption, .note { font-size: 13.5px; line-height: 1.45; margin: 6px 0 0; }
.pill { display: inline-block; font-size: 13px; padding: 1px 10px; border-radius: 99px; border: 1px solid currentColor; vertical-align: 3px; margin-left: 8px; font-weight: 500; }
.pill.succeeded { color: var(--good); } .pill.failed { color: var(--bad); } .pill.cancelled, .pill.running, .pill.pending { color: var(--busy); }
.alert { border-left: 4px solid var(--bad); background: var(--card); padding: 10px 16px; margin: 16px 0; border-radius: 0 8px 8px 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(210px, 1fr)); gap: 14px; margin: 22px 0 0; }
.card, .chart, .sample, .box { background: var(--card); border: 1px solid var(--rule); border-radius: 12px; }
.card { padding: 14px 18px 16px; }
.card .label { font-size: 13.5px; color: var(--soft); }
.card .value { font-size: 28px; font-weight: 650; letter-spacing: -0.02em; line-height: 1.25; font-variant-numeric: tabular-nums; }
.card .from { font-size: 14px; color: var(--soft); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(430px, 100%), 1fr)); gap: 14px; margin-top: 14px; }
.chart { margin: 0; padding: 14px 16px 14px; }
.chart figcaption { display: flex; flex-wrap: wrap; gap: 2px 14px; align-items: baseline; justify-content: space-between; margin-bottom: 6px; }
.chart svg { width: 100%; height: auto; display: block; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 12px; margin: 0; padding: 0; font-size: 12.5px; color: var(--soft); }
.swatch { display: inline-block; width: 14px; border-top: 2.5px solid; vertical-align: 4px; margin-right: 5px; }
.swatch.dashed { border-top-style: dashed; }
.grid { stroke: var(--rule); stroke-width: 1; }
.event { stroke: var(--soft, currentColor); stroke-width: 1; stroke-dasharray: 2 3; opacity: 0.7; }
.tick { fill: var(--soft); font-size: 11px; font-variant-numeric: tabular-nums; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.line.faint { stroke-width: 1; opacity: 0.28; } .line.dashed { stroke-dasharray: 5 5; stroke-width: 1.5; }
.mark { stroke: var(--card); stroke-width: 1.2; }
${Array.from({ length: 7 }, (_, i) => `.line.c${i} { stroke: var(--c${i}); } .mark.c${i} { fill: var(--c${i}); } .swatch.c${i} { border-color: var(--c${i}); }`).join('\n')}
.box { padding: 4px 18px; margin-top: 14px; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 15px; }
th { text-align: left; font-weight: 500; color: var(--soft); font-size: 13.5px; }
th, td { padding: 9px 14px 9px 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
tr:last-child > td, tr:last-child > th { border-bottom: 0; }
td.number, th.number { text-align: right; white-space: nowrap; }
td.strong { font-weight: 650; }
td .explain { display: block; color: var(--soft); font-size: 13px; line-height: 1.4; max-width: 62ch; }
.up { color: var(--good); } .down { color: var(--bad); }
.bar { margin-right: 8px; vertical-align: 1px; }
.sample { padding: 14px 18px; margin-top: 14px; }
.sample .prompt { color: var(--soft); white-space: pre-wrap; overflow-wrap: anywhere; margin: 2px 0 12px; max-width: none; max-height: 13em; overflow-y: auto; }
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(280px, 1fr)); gap: 14px; }
.answer { background: var(--tint); border-radius: 8px; padding: 8px 14px 10px; }
.answer .label { font-size: 12.5px; color: var(--soft); }
.answer pre { margin: 2px 0 0; white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; font-size: 15px; max-height: 18em; overflow-y: auto; }
details { margin-top: 12px; } summary { cursor: pointer; color: var(--soft); font-size: 14px; }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(330px, 1fr)); gap: 0 14px; align-items: start; }
dl { display: grid; grid-template-columns: minmax(130px, auto) 1fr; gap: 6px 18px; margin: 12px 0; font-size: 15px; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
footer { margin-top: 56px; color: var(--soft); font-size: 13.5px; }
a { color: var(--c0); }
@media (max-width: 640px) { main { padding: 24px 14px 48px; } td .explain { display: none; } .box { padding: 4px 12px; } th, td { padding-right: 8px; } }
@media print { body { background: #fff; } .chart, .sample, .card { break-inside: avoid; } }
`;
