import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { createMesh, staticResolver } from 'fairlead';
import { createFairleadTransport } from 'fairlead/connect';
import { Echo, type EchoServer } from '../../../connect/support.js';
import type { Dice } from '../dice.js';
import { Heard } from '../heard.js';
import type { Pairing, Script, Side, Step, Transcript } from '../script.js';

const METHODS = ['read', 'write', 'count', 'chat'] as const;

function connectScript(dice: Dice, length: number): Script {
  return {
    options: {
      protocol: dice.pick(['grpc', 'connect']),
      ...dice.some(0.3, { interceptor: true, defaultTimeoutMs: 2_000 }),
    },
    steps: dice.times(length, () => ({
      op: 'call',
      method: dice.pick(METHODS),
      requests: dice.times(dice.below(4), () => dice.text()),
      count: dice.below(4),
      code: dice.chance(0.3) ? 1 + dice.below(16) : 0,
      headers: dice.some(0.4, { 'x-text': 'a b', 'x-bytes-bin': 'AAE' }),
      ends: dice.weighted([
        [7, 'by itself'],
        [1, 'aborted before'],
        [1, 'aborted at an answer'],
        [1, 'left early'],
        [1, 'late'],
      ]),
    })),
  };
}

/** A transport over one server, beside those of connect-node. */
export function connectPairing(server: EchoServer): Pairing {
  const { host, port } = server.endpoint;
  return {
    name: 'connect',
    script: connectScript,
    async play(side: Side, { options, steps }: Script): Promise<Transcript> {
      const heard = new Heard(read);
      const mesh = createMesh({ resolver: staticResolver({ diff: [server.endpoint] }) });
      const { protocol, interceptor, defaultTimeoutMs } = options;
      const interceptors = interceptor === true ? [adds] : [];
      const timeout = typeof defaultTimeoutMs === 'number' && { defaultTimeoutMs };
      const baseUrl = `http://${host}:${port}`;
      const sessions = new Http2SessionManager(baseUrl);
      const own = { baseUrl, httpVersion: '2', interceptors, sessionManager: sessions, ...timeout } as const;
      const fairlead = createFairleadTransport(mesh, {
        service: 'diff',
        protocol: protocol === 'grpc' ? 'grpc' : 'connect',
        transport: { interceptors },
        ...timeout,
      });
      const theirs = protocol === 'grpc' ? createGrpcTransport(own) : createConnectTransport(own);
      try {
        const transport = side === 'plain' ? theirs : fairlead;
        for (const step of steps) {
          server.code = step.code === 0 ? undefined : (Number(step.code) as Code);
          if (!(await heard.ended(() => play(transport, step, heard)))) break;
        }
        return heard.transcript;
      } finally {
        server.code = undefined;
        fairlead.close();
        sessions.abort();
        await mesh.close({ deadlineMs: 100 });
      }
    },
  };
}

const adds: import('@connectrpc/connect').Interceptor = (next) => (request) => {
  request.header.set('x-added', 'by an interceptor');
  return next(request);
};

async function play(transport: Transport, step: Step, heard: Heard): Promise<void> {
  const client = createClient(Echo, transport);
  const stop = new AbortController();
  const { ends, requests } = step as unknown as { ends: string; requests: string[] };
  if (ends === 'aborted before') stop.abort();
  const options = {
    headers: step.headers as Record<string, string>,
    signal: stop.signal,
    ...(ends === 'late' && { timeoutMs: 0 }),
    onHeader: (headers: Headers) => heard.tell('headers', shown(headers)),
    onTrailer: (trailers: Headers) => heard.tell('trailers', shown(trailers)),
  };
  await heard.answer(String(step.method), async () => {
    if (step.method === 'read' || step.method === 'write') {
      return (await client[step.method]({ value: requests[0] ?? '' }, options)).value;
    }
    const answers =
      step.method === 'count'
        ? client.count({ value: String(step.count) }, options)
        : client.chat(all(requests), options);
    for await (const { value } of answers) {
      heard.tell('answer', value);
      if (ends === 'aborted at an answer') stop.abort();
      if (ends === 'left early') break;
    }
    return 'over';
  });
}

async function* all(values: readonly string[]): AsyncGenerator<{ value: string }> {
  for (const value of values) yield { value };
}

const shown = (headers: Headers): object => Object.fromEntries([...headers].filter(([name]) => name !== 'date'));

function read(value: object): object | undefined {
  if (!(value instanceof Error)) return undefined;
  if (!(value instanceof ConnectError)) return { error: value.name, message: value.message };
  const { code, rawMessage, details } = value;
  // Known difference: what fairlead ended says so in its own words.
  const ended = code === Code.Canceled || code === Code.DeadlineExceeded;
  return { error: value.name, code: Code[code], ...(!ended && { rawMessage }), details };
}
