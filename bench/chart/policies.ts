/**
 * Draws docs/img/policies.svg: simulated response times per policy. The same seeds, the same
 * picture. `npx tsx --conditions=fairlead-source bench/chart/policies.ts`, half a minute.
 */
import { subscribe } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';
import { type CallMessage, createMesh, type Endpoint, type PolicyName, type ProbeSource } from 'fairlead';
import {
  exponential,
  lognormal,
  poisson,
  type Simulation,
  type SimulationReport,
  servers,
  simulate,
} from 'fairlead/testing';

const SEEDS = 3;
const SERVERS = 10;

/**
 * No health signal: it is the policies that are compared. Each call has a key of its own, for those
 * that go by it.
 */
const base: Omit<Simulation, 'servers' | 'arrivals'> = {
  durationMs: 40_000,
  warmupMs: 5_000,
  key: (random) => `user-${random.below(100_000)}`,
};

interface Panel {
  readonly title: string;
  readonly detail: string;
  readonly simulation: Omit<Simulation, 'service' | 'seed'>;
  readonly kind: 'latency' | 'failed';
}

const panels: readonly Panel[] = [
  {
    title: 'Servers alike',
    detail: '20 ms, 2 at once, load 80 %',
    kind: 'latency',
    simulation: {
      ...base,
      servers: servers(SERVERS, { serviceTime: exponential(20), concurrency: 2 }),
      arrivals: poisson(800),
    },
  },
  {
    title: 'Speeds differ, weights tell',
    detail: '10 to 55 ms, 8 at once, load 70 %',
    kind: 'latency',
    simulation: {
      ...base,
      servers: servers(SERVERS, (i) => ({
        serviceTime: exponential(10 + 5 * i),
        concurrency: 8,
        weight: 1_000 / (10 + 5 * i),
      })),
      arrivals: poisson(2_170),
    },
  },
  {
    title: 'One slow for a while',
    detail: '20 ms; ten times slower for 15 s',
    kind: 'latency',
    simulation: {
      ...base,
      servers: servers(SERVERS, { serviceTime: lognormal(20, 0.4), concurrency: 16 }),
      arrivals: poisson(2_000),
      faults: [{ kind: 'slow', server: 's0', fromMs: 10_000, untilMs: 25_000, factor: 10 }],
    },
  },
  {
    title: 'One fails fast',
    detail: 'within 1 ms, for 15 s; share of calls',
    kind: 'failed',
    simulation: {
      ...base,
      servers: servers(SERVERS, { serviceTime: lognormal(20, 0.4), concurrency: 16 }),
      arrivals: poisson(2_000),
      faults: [{ kind: 'fail', server: 's0', fromMs: 10_000, untilMs: 25_000 }],
    },
  },
];

interface Cell {
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly failedRatio: number;
}

const MAX_INFLIGHT = 64;
const NO_TIMES = new Float64Array(MAX_INFLIGHT + 1);
/**
 * By endpoint, the recent response times under each number of calls in progress: what Prequal's
 * servers keep.
 */
const told = new WeakMap<Endpoint, Float64Array>();

subscribe('fairlead:call', (message) => {
  const { endpoint, latencyMs } = message as CallMessage;
  const times = told.get(endpoint) ?? new Float64Array(MAX_INFLIGHT + 1);
  told.set(endpoint, times);
  const at = Math.min(endpoint.inflight, MAX_INFLIGHT);
  times[at] = times[at] === 0 ? latencyMs : times[at]! * 0.7 + latencyMs * 0.3;
});

/**
 * As there is one client, its calls in progress are the server's. Answers come at once, which is
 * kinder than a network.
 */
const probes: ProbeSource = {
  probe: (endpoint, reply) => {
    const times = told.get(endpoint) ?? NO_TIMES;
    // Of the nearest lower number of calls that is known; 0 where none is, so that it is tried.
    let at = Math.min(endpoint.inflight, MAX_INFLIGHT);
    while (at > 0 && times[at] === 0) at--;
    reply(endpoint.inflight, times[at]!);
  },
};

function measure(policy: PolicyName, { simulation }: Panel): Cell {
  const reports: SimulationReport[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const probed = policy === 'prequal' ? { probes, measureLatency: true } : {};
    reports.push(simulate({ ...simulation, seed, service: { policy, health: [], ...probed } }));
  }
  const mean = (read: (report: SimulationReport) => number): number =>
    reports.reduce((sum, report) => sum + read(report), 0) / reports.length;
  return {
    medianMs: mean((report) => report.percentileMs(0.5)),
    p99Ms: mean((report) => report.percentileMs(0.99)),
    failedRatio: mean((report) => report.failed / report.calls),
  };
}

const ROW = 26;
const TOP = 50;
const LEFT = 210;
const PANEL = 190;
const GAP = 24;
const PLOT = 128;
const AXIS_MS = { from: 10, to: 20_000 };
const MAX_FAILED = 0.25;

const x = (ms: number): number =>
  (Math.log(Math.min(Math.max(ms, AXIS_MS.from), AXIS_MS.to) / AXIS_MS.from) / Math.log(AXIS_MS.to / AXIS_MS.from)) *
  PLOT;
const round = (value: number): string => value.toFixed(1);
const duration = (ms: number): string =>
  ms < 1_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;

function draw(cell: Cell, kind: Panel['kind'], left: number, y: number): string {
  if (kind === 'failed') {
    const width = Math.max(1, (cell.failedRatio / MAX_FAILED) * PLOT);
    return (
      `<rect class="bar" x="${left}" y="${y - 5}" width="${round(width)}" height="10" rx="2"/>` +
      `<text class="value" x="${round(left + width + 6)}" y="${y + 4}">${(cell.failedRatio * 100).toFixed(2)} %</text>`
    );
  }
  const [from, to] = [left + x(cell.medianMs), left + x(cell.p99Ms)];
  return (
    `<line class="range" x1="${round(from)}" x2="${round(to)}" y1="${y}" y2="${y}"/>` +
    `<circle class="median" cx="${round(from)}" cy="${y}" r="4"/><circle class="tail" cx="${round(to)}" cy="${y}" r="4"/>` +
    `<text class="value" x="${round(to + 8)}" y="${y + 4}">${duration(cell.p99Ms)}</text>`
  );
}

const policies = createMesh().policies.names;
const height = TOP + policies.length * ROW + 26;
const width = LEFT + panels.length * (PANEL + GAP);
const bottom = TOP + policies.length * ROW;
const parts: string[] = [];

policies.forEach((policy, row) => {
  const y = TOP + row * ROW + ROW / 2;
  if (row % 2 === 0) parts.push(`<rect class="stripe" x="0" y="${y - ROW / 2}" width="${width}" height="${ROW}"/>`);
  parts.push(`<text class="policy" x="12" y="${y + 4}">${policy}</text>`);
});
panels.forEach((panel, column) => {
  const left = LEFT + column * (PANEL + GAP);
  parts.push(
    `<text class="title" x="${left}" y="20">${panel.title}</text><text class="detail" x="${left}" y="38">${panel.detail}</text>`,
  );
  const ticks = panel.kind === 'latency' ? [10, 100, 1_000, 10_000] : [0, 0.1, 0.2];
  for (const tick of ticks) {
    const at = round(left + (panel.kind === 'latency' ? x(tick) : (tick / MAX_FAILED) * PLOT));
    const label = panel.kind === 'latency' ? duration(tick) : `${tick * 100} %`;
    parts.push(`<line class="grid" x1="${at}" x2="${at}" y1="${TOP}" y2="${bottom}"/>`);
    parts.push(`<text class="tick" x="${at}" y="${bottom + 16}">${label}</text>`);
  }
  policies.forEach((policy, row) => {
    const cell = measure(policy, panel);
    parts.push(draw(cell, panel.kind, left, TOP + row * ROW + ROW / 2));
    console.log(
      panel.title.padEnd(28),
      policy.padEnd(28),
      round(cell.medianMs),
      round(cell.p99Ms),
      cell.failedRatio.toFixed(4),
    );
  });
});

const style = `
text { font: 12px system-ui, sans-serif; fill: #24292f } .policy, .value { font-family: ui-monospace, monospace; font-size: 11.5px }
.title { font-weight: 600; font-size: 13px } .detail, .tick { fill: #57606a; font-size: 10.5px } .tick { text-anchor: middle }
.stripe { fill: #818b9814 } .grid { stroke: #818b9840 } .range { stroke: #0969da; stroke-width: 2.5; opacity: .55 }
.median { fill: #0969da } .tail { fill: #bc4c00 } .bar { fill: #bc4c00 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .detail, .tick { fill: #9198a1 } .range { stroke: #4493f8 }
.median { fill: #4493f8 } .tail, .bar { fill: #f0883e } }`;
const legend =
  `<circle class="median" cx="18" cy="${bottom + 12}" r="4"/><text x="28" y="${bottom + 16}">median</text>` +
  `<circle class="tail" cx="84" cy="${bottom + 12}" r="4"/><text x="94" y="${bottom + 16}">99th percentile</text>`;
const svg =
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" ` +
  `aria-label="Simulated response times per policy: median and 99th percentile">\n<style>${style}\n</style>\n` +
  `${legend}\n${parts.join('\n')}\n</svg>\n`;
writeFileSync(new URL('../../docs/img/policies.svg', import.meta.url), svg);
