import { ms, percent } from './figures.js';
import type { Comparison } from './simulation.js';
import { escaped, Scale } from './simulation-scale.js';
import { TIMELINE_STYLE, timelineOf } from './simulation-timeline.js';

const ROW = 28;
const LEFT = 200;
const PLOT = 380;
const TOP = 44;

const STYLE = `text { font: 12px system-ui, sans-serif; fill: #24292f } .dim { fill: #57606a }
.range { stroke: #2f6feb; stroke-width: 2.5; opacity: .55 } .median { fill: #2f6feb } .tail { fill: #c2570c } .grid { stroke: #818b9840 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .dim { fill: #9198a1 } .range { stroke: #6ea0ff } .median { fill: #6ea0ff } .tail { fill: #f0955a } }
${TIMELINE_STYLE}`;

/** Median and 99th percentile of each policy, and how the latter went, on logarithmic axes. */
export function svgOf(comparison: Comparison): string {
  const { title, measured } = comparison;
  const scale = new Scale(measured.flatMap(({ p50Ms, p99Ms }) => [p50Ms, p99Ms]));
  const x = (value: number): number => LEFT + PLOT * scale.share(value);
  const bottom = TOP + measured.length * ROW;
  const parts: string[] = [];
  for (const tick of scale.ticks) {
    parts.push(
      `<line class="grid" x1="${x(tick)}" x2="${x(tick)}" y1="${TOP}" y2="${bottom}"/>`,
      `<text class="dim" text-anchor="middle" x="${x(tick)}" y="${bottom + 18}">${ms(tick)}</text>`,
    );
  }
  measured.forEach(({ policy, p50Ms, p99Ms, failedRatio }, row) => {
    const y = TOP + row * ROW + ROW / 2;
    const end = Number.isFinite(p99Ms) ? ms(p99Ms) : 'failed';
    const failed = failedRatio > 0 ? `, ${percent(failedRatio)} failed` : '';
    parts.push(
      `<text x="12" y="${y + 4}">${escaped(policy)}</text>`,
      `<line class="range" x1="${x(p50Ms)}" x2="${x(p99Ms)}" y1="${y}" y2="${y}"/>`,
      `<circle class="median" cx="${x(p50Ms)}" cy="${y}" r="4"/><circle class="tail" cx="${x(p99Ms)}" cy="${y}" r="4"/>`,
      `<text class="dim" x="${x(p99Ms) + 10}" y="${y + 4}">${end}${failed}</text>`,
    );
  });
  const timeline = timelineOf(comparison, { left: LEFT, top: bottom + 66, width: PLOT });
  const [width, height] = [LEFT + PLOT + 204, bottom + 66 + timeline.height];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">
<style>${STYLE}</style>
<text x="12" y="24" font-weight="600">${escaped(title)}</text>
${parts.join('\n')}
${timeline.svg}
</svg>
`;
}

export function pageOf(comparison: Comparison): string {
  const { title, measured } = comparison;
  const rows = measured.map(
    ({ policy, p50Ms, p99Ms, failedRatio, calls, ejections }) =>
      `<tr><td>${escaped(policy)}</td><td>${ms(p50Ms)}</td><td>${Number.isFinite(p99Ms) ? ms(p99Ms) : 'failed'}</td>` +
      `<td>${percent(failedRatio)}</td><td>${calls}</td><td>${ejections}</td></tr>`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>${escaped(title)}</title>
<style>body { font: 14px system-ui, sans-serif; max-width: 780px; margin: 40px auto; padding: 0 16px } table { border-collapse: collapse; width: 100% }
td, th { text-align: right; padding: 5px 10px; border-bottom: 1px solid #818b9840 } td:first-child, th:first-child { text-align: left } svg { max-width: 100% }</style>
${svgOf(comparison)}
<table><thead><tr><th>policy<th>p50<th>p99<th>failed<th>calls<th>ejections</thead><tbody>${rows.join('')}</tbody></table></html>
`;
}
