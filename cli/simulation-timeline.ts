import { ms, span } from './figures.js';
import type { Comparison } from './simulation.js';
import { escaped, Scale } from './simulation-scale.js';

const HEIGHT = 180;
const LEGEND = 18;
/** By turns; light and dark enough for both grounds. */
const COLOURS = [
  '#8c959f',
  '#2f6feb',
  '#c2570c',
  '#1a9c5b',
  '#a475f9',
  '#c9a227',
  '#d6409f',
  '#0f9fb5',
  '#7d8f2d',
  '#b4654a',
  '#5a6ee0',
  '#e0567a',
];

export const TIMELINE_STYLE = '.line { fill: none; stroke-width: 1.8; stroke-linejoin: round }';

/** The 99th percentile of each policy over time. A line ends where so many calls failed. */
export function timelineOf(
  { measured, fromMs, untilMs }: Comparison,
  { left, top, width }: { readonly left: number; readonly top: number; readonly width: number },
): { readonly svg: string; readonly height: number } {
  const scale = new Scale(measured.flatMap(({ p99MsOverTime }) => p99MsOverTime));
  const bottom = top + HEIGHT;
  const y = (value: number): number => round(bottom - HEIGHT * scale.share(value));
  const parts = [`<text x="12" y="${top - 14}" font-weight="600">p99 over time</text>`];
  for (const tick of scale.ticks) {
    parts.push(
      `<line class="grid" x1="${left}" x2="${left + width}" y1="${y(tick)}" y2="${y(tick)}"/>`,
      `<text class="dim" text-anchor="end" x="${left - 8}" y="${y(tick) + 4}">${ms(tick)}</text>`,
    );
  }
  measured.forEach(({ policy, p99MsOverTime }, at) => {
    const colour = COLOURS[at % COLOURS.length]!;
    const x = (i: number): number => round(left + (width * (i + 0.5)) / p99MsOverTime.length);
    let path = '';
    let open = false;
    for (const [i, value] of p99MsOverTime.entries()) {
      if (Number.isFinite(value)) path += `${open ? 'L' : 'M'}${x(i)} ${y(value)}`;
      else if (value === Number.POSITIVE_INFINITY) {
        parts.push(`<text text-anchor="middle" x="${x(i)}" y="${top + 4}" style="fill:${colour}">×</text>`);
      }
      open = Number.isFinite(value);
    }
    const legend = top + 8 + at * LEGEND;
    parts.push(
      `<path class="line" stroke="${colour}" d="${path}"/>`,
      `<circle cx="${left + width + 16}" cy="${legend - 4}" r="4" fill="${colour}"/>`,
      `<text x="${left + width + 26}" y="${legend}">${escaped(policy)}</text>`,
    );
  });
  parts.push(
    `<text class="dim" x="${left}" y="${bottom + 18}">0 s</text>`,
    `<text class="dim" text-anchor="end" x="${left + width}" y="${bottom + 18}">${span(untilMs - fromMs)}</text>`,
    `<text class="dim" x="${left + width / 2}" y="${bottom + 18}" text-anchor="middle">× failed</text>`,
  );
  return { svg: parts.join('\n'), height: Math.max(HEIGHT, measured.length * LEGEND) + 40 };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
