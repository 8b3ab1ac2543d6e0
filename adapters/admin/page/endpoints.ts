import type { AdminEndpoint } from '../state/admin-state.js';
import { h, nameOf, replace, say, shown } from './dom.js';
import { count, ms, percent, rate, span, weight } from './format.js';
import { type Column, textColumn } from './table.js';

export interface EndpointRow {
  readonly id: string;
  readonly endpoint: AdminEndpoint;
}

/** How well: the worst first, where somebody orders by state. */
const GRAVITY: Readonly<Record<string, number>> = { ejected: 0, unhealthy: 1, probing: 2, draining: 3, ready: 4 };

export function endpointColumns(nowMs: () => number): readonly Column<EndpointRow>[] {
  return [
    {
      id: 'state',
      title: 'State',
      value: ({ endpoint }) => GRAVITY[endpoint.state] ?? 9,
      fill: (cell, { endpoint }) => {
        const state = stateName(endpoint);
        if (cell.dataset.state === state) return;
        cell.dataset.state = state;
        replace(cell, stateMark(endpoint));
      },
    },
    {
      id: 'endpoint',
      title: 'Endpoint',
      value: ({ id }) => id,
      fill: (cell, { id }) => {
        if (cell.dataset.name === id) return;
        cell.dataset.name = id;
        replace(cell, nameOf(id));
      },
    },
    textColumn('zone', 'Zone', ({ endpoint: { zone } }) => shown(zone)),
    textColumn(
      'weight',
      'Weight',
      ({ endpoint }) => weight(endpoint.effectiveWeight, endpoint.weight),
      ({ endpoint }) => endpoint.effectiveWeight,
      true,
    ),
    figure('inflight', 'In flight', count, ({ inflight }) => inflight),
    figure('rate', 'Calls/s', rate, (endpoint) => endpoint.rate),
    figure('p50', 'p50', ms, ({ p50Ms }) => p50Ms),
    figure('p99', 'p99', ms, ({ p99Ms }) => p99Ms),
    {
      ...figure('errors', 'Errors', percent, ({ failureRatio }) => failureRatio),
      fill: (cell, { endpoint: { failureRatio } }) => {
        say(cell, percent(failureRatio));
        cell.classList.toggle('bad', (failureRatio ?? 0) >= 0.01);
      },
    },
    textColumn(
      'since',
      'For',
      ({ endpoint }) => span(nowMs() - endpoint.stateSinceMs),
      ({ endpoint }) => endpoint.stateSinceMs,
      true,
    ),
    {
      id: 'reason',
      title: 'Why',
      value: ({ endpoint }) => whyText(endpoint, nowMs()) || undefined,
      fill: (cell, { endpoint }) => {
        const why = whyText(endpoint, nowMs());
        say(cell, why);
        if (cell.title !== why) cell.title = why;
      },
    },
  ];
}

function figure(
  id: string,
  title: string,
  format: (value: number | undefined) => string,
  read: (endpoint: AdminEndpoint) => number | undefined,
): Column<EndpointRow> {
  return textColumn(
    id,
    title,
    ({ endpoint }) => format(read(endpoint)),
    ({ endpoint }) => read(endpoint),
    true,
  );
}

/** `drained` is what an operator calls it; the state behind it is that of any other that is out. */
export function stateName({ state, hold }: AdminEndpoint): string {
  return hold?.how === 'drain' && state === 'unhealthy' ? 'drained' : state;
}

export function stateMark(endpoint: AdminEndpoint): HTMLElement {
  const state = stateName(endpoint);
  return h('span', { class: `state ${state}` }, h('i', { 'aria-hidden': 'true' }), state);
}

export function whyText({ reason, stateUntilMs, hold }: AdminEndpoint, nowMs: number): string {
  const said = hold === undefined ? undefined : [hold.by, hold.reason].filter((each) => each !== '').join(': ');
  const until = stateUntilMs === undefined || stateUntilMs <= nowMs ? '' : `${span(stateUntilMs - nowMs)} left`;
  return shown([reason, said, until].filter((each) => each !== undefined && each !== '').join(' · '));
}

/**
 * Words that all must be found: in id, address, zone, tags, meta and why; `state:ejected` in one.
 */
export function matches({ id, endpoint }: EndpointRow, filter: string): boolean {
  const { address, zone, tags, meta, reason = '' } = endpoint;
  const fields: Readonly<Record<string, string>> = {
    state: stateName(endpoint),
    zone,
    tag: tags.join(' '),
    why: reason,
  };
  const all = [id, address, zone, ...tags, ...Object.entries(meta).map((each) => each.join('=')), reason, fields.state];
  const haystack = all.join(' ').toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => {
      const [, field, value] = /^(state|zone|tag|why):(.*)$/.exec(word) ?? [];
      return field === undefined ? haystack.includes(word) : fields[field]!.toLowerCase().includes(value!);
    });
}
