import type { AdminState } from '../adapters/admin/index.js';
import type { Command, Io } from './command.js';
import { ms, percent, rate, span } from './figures.js';
import { LIVE_OPTIONS, live } from './live.js';
import { stateStyle, styled, table } from './terminal.js';

export const command: Command = {
  usage: '[SERVICE…] --admin URL | --config FILE',
  about: 'All services of a process as they are, live: the busiest first.',
  options: LIVE_OPTIONS,
  examples: [
    'fairlead top --admin http://127.0.0.1:9901',
    'fairlead top --admin http://127.0.0.1:9901 --once --json',
    'fairlead top users orders --config fairlead.yaml --once',
  ],
  run: (input, io) => {
    const only = (state: AdminState): AdminState => narrowed(state, input.words);
    return live(input, io, input.words, (state) => draw(only(state), io), only);
  },
};

/** With the services that are named alone; with all where none is. */
function narrowed(state: AdminState, words: readonly string[]): AdminState {
  if (words.length === 0) return state;
  const services = Object.entries(state.services).filter(([name]) => words.includes(name));
  return { ...state, services: Object.fromEntries(services) };
}

function draw({ services, process, atMs, alerts = {}, health }: AdminState, io: Io): readonly string[] {
  const rows = Object.entries(services)
    .sort(([, a], [, b]) => b.rate - a.rate)
    .map(([name, service]) => {
      const listed = Object.values(service.endpoints).filter((each) => each.listed).length;
      return [
        name,
        service.ready === 0 ? 'down' : service.panic ? 'panic' : service.ready < listed ? 'degraded' : 'ready',
        `${service.ready}/${listed}`,
        service.policy,
        rate(service.rate),
        ms(service.p50Ms),
        ms(service.p99Ms),
        percent(service.failureRatio),
        String(service.inflight),
        service.seenAtMs === undefined ? 'never' : span(atMs - service.seenAtMs),
      ];
    });
  const right = { align: 'right' } as const;
  const columns = [
    { title: 'service' },
    { title: 'state', style: stateStyle },
    { title: 'usable', ...right },
    { title: 'policy' },
    ...['calls/s', 'p50', 'p99', 'errors', 'in flight', 'list age'].map((title) => ({ title, ...right })),
  ];
  const firing = Object.values(alerts).map(({ severity, subject, text }) =>
    styled(io, severity === 'critical' ? 'red' : 'yellow', `${severity}  ${subject}: ${text}`),
  );
  const head = `pid ${process.pid} · Node ${process.node} · up ${span(atMs - process.startedAtMs)}`;
  return [
    styled(io, 'dim', health === undefined ? head : `${head} · ${health}`),
    ...firing,
    '',
    ...table(io, columns, rows),
  ];
}
