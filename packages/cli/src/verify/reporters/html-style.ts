/** The style sheet, for light and dark colour schemes. */
export const style: string = `
:root { color-scheme: light dark; --text: #1b1f24; --dim: #667; --back: #fff; --good: #1a7f37; --bad: #cf222e; --line: #d0d7de; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --dim: #9198a1; --back: #0d1117; --good: #3fb950; --bad: #f85149; --line: #30363d; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); margin: 0; }
main { max-width: 1000px; margin: 0 auto; padding: 24px; }
h1 { font-size: 22px; } h2 { font-size: 17px; margin: 0; }
h2.pass::before { content: '✓ '; } h2.fail::before { content: '✗ '; } h2.skip::before { content: '– '; }
.pass { color: var(--good); } .fail { color: var(--bad); } .skip { color: var(--dim); }
section { border-top: 1px solid var(--line); padding: 16px 0; } section p { margin: 4px 0; }
.sum b { margin-right: 12px; } footer { color: var(--dim); border-top: 1px solid var(--line); padding-top: 12px; }
.legend span { margin-right: 14px; white-space: nowrap; } .legend i { display: inline-block; width: 12px; height: 10px; margin-right: 5px; }
svg { width: 100%; margin: 8px 0; } svg text { font: 11px system-ui, sans-serif; fill: var(--dim); } svg .right { text-anchor: end; }
line.event { stroke: var(--text); stroke-dasharray: 3 2; } line.end { stroke: var(--dim); }
dl { display: grid; grid-template-columns: 110px 1fr; margin: 8px 0; } dt { color: var(--dim); } dd { margin: 0; }
.answered { fill: #2da44e; background: #2da44e; } .kept { fill: #54aeff; background: #54aeff; } .refused { fill: #d4a72c; background: #d4a72c; }
.ended { fill: #8c959f; background: #8c959f; } .hung { fill: #8250df; background: #8250df; } .cut { fill: #fa4549; background: #fa4549; }
.reset { fill: #cf222e; background: #cf222e; } .lost { fill: #a40e26; background: #a40e26; } .failed { fill: #e16f24; background: #e16f24; }
.down { fill: #bf3989; background: #bf3989; }
`
