import type { AdminState } from '../adapters/admin/index.js';
import { type Command, type Io, UsageError } from './command.js';
import { ms, percent, rate, span } from './figures.js';
import { LIVE_OPTIONS, live, noService } from './live.js';
import { clean, stateStyle, styled, table } from './terminal.js';

export const command: Command = {
  usage: 'SERVICE --admin URL | --config FILE',
  about: 'The endpoints of one service, live: those that are out first.',
  options: LIVE_OPTIONS,
  examples: [
    'fairlead watch users --admin http://127.0.0.1:9901',
    'fairlead watch users --config fairlead.yaml --once',
  ],
  async run(input, io) {
    const [service] = input.words;
    if (service === undefined || input.words.length > 1) throw new UsageError('Which service?');
    return live(
      input,
      io,
      [service],
      (state) => draw(state, service, io),
      ({ services }) => (Object.hasOwn(services, service) ? services[service] : null),
    );
  },
};

function draw(state: AdminState, name: string, io: Io): readonly string[] {
  const { services, atMs } = state;
  const service = Object.hasOwn(services, name) ? services[name] : undefined;
  if (service === undefined) return [noService(state, name)];
  const { policy, source, seenAtMs, discoveryError, panic, endpoints } = service;
  const rows = Object.entries(endpoints)
    .sort(([a, x], [b, y]) => Number(x.state === 'ready') - Number(y.state === 'ready') || (a < b ? -1 : 1))
    .map(([id, endpoint]) => [
      id,
      endpoint.state,
      endpoint.address,
      endpoint.zone,
      String(endpoint.effectiveWeight),
      String(endpoint.inflight),
      rate(endpoint.rate),
      ms(endpoint.p50Ms),
      ms(endpoint.p99Ms),
      percent(endpoint.failureRatio),
      span(atMs - endpoint.stateSinceMs),
      endpoint.reason ?? '',
    ]);
  const right = { align: 'right' } as const;
  const columns = [
    { title: 'endpoint' },
    { title: 'state', style: stateStyle },
    { title: 'address' },
    { title: 'zone' },
    ...['weight', 'in flight', 'calls/s', 'p50', 'p99', 'errors', 'for'].map((title) => ({ title, ...right })),
    { title: 'why' },
  ];
  const age = seenAtMs === undefined ? 'never seen' : `${span(atMs - seenAtMs)} ago`;
  return [
    `${styled(io, 'bold', clean(name))} ${styled(io, 'dim', `${policy} · ${clean(source)}, ${age}`)}${panic ? styled(io, 'red', ' · panic') : ''}`,
    ...(discoveryError === undefined ? [] : [styled(io, 'red', `discovery: ${clean(discoveryError)}`)]),
    '',
    ...table(io, columns, rows),
  ];
}
