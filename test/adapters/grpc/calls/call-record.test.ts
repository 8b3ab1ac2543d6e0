import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Metadata, type status as Status, status } from '@grpc/grpc-js';
import { createMesh, staticResolver } from 'fairlead';
import type { GrpcAttemptMessage, GrpcCallMessage } from 'fairlead/grpc';
import { meshFigures } from 'fairlead/monitor';
import { afterEach, describe, expect, it } from 'vitest';
import { CallRecord } from '../../../../adapters/grpc/calls/call-record.js';
import { GrpcCounts } from '../../../../adapters/grpc/common/method-counts.js';
import { ChannelTelemetry } from '../../../../adapters/grpc/common/telemetry.js';
import { bytesPer } from '../../../support/bytes.js';
import { endpoints, testMesh } from '../../../support/mesh.js';

const endings: (() => void)[] = [];
afterEach(() => {
  for (const end of endings.splice(0)) end();
});

/** A call as grpc-js would lead it, by hand. */
function record(hedged = false) {
  const { mesh, clock } = testMesh({ users: endpoints(3) });
  const service = mesh.service('users');
  const calls: GrpcCallMessage[] = [];
  const attempts: GrpcAttemptMessage[] = [];
  const listen = (name: string, into: unknown[]): void => {
    const listener = (message: unknown): void => void into.push(message);
    subscribe(name, listener);
    endings.push(() => void unsubscribe(name, listener));
  };
  listen('fairlead:grpc:call', calls);
  listen('fairlead:grpc:attempt', attempts);
  const call = new CallRecord(
    new ChannelTelemetry(service, 'fairlead:///users', clock, new GrpcCounts()),
    '/a.B/C',
    hedged,
  );
  const pick = (number: number) => {
    const metadata = new Metadata();
    if (number > 0) metadata.set('grpc-previous-rpc-attempts', String(number));
    return call.attempt(metadata);
  };
  /** What the pick gives to grpc-js, opened as grpc-js does. */
  const open = (
    attempt: ReturnType<typeof pick>,
    createCall: () => object = () => ({ sendMessageWithContext() {} }),
  ) => {
    const listener = { onReceiveMessage(_message: Buffer) {} };
    const subchannel = { getRealSubchannel: () => ({ createCall }) };
    attempt.endpoint = service.endpoints[0]!;
    const over = attempt.over(subchannel as never);
    const stream = over.getRealSubchannel().createCall(new Metadata(), '', '/a.B/C', listener as never);
    return { stream, listener };
  };
  const end = (code: Status): void => call.end(code);
  return { service, clock, calls, attempts, pick, open, end };
}

const NOTHING_REPEATED = { retries: 0, hedges: 0, transparentRetries: 0, retryDelayMs: 0 };

describe('the record of a call', () => {
  it('tells its method, status and duration, and those of its one attempt from before the pick', () => {
    const { clock, calls, attempts, pick, open, end, service } = record();
    clock.advance(40);
    const attempt = pick(0);
    open(attempt);
    clock.advance(10);
    attempt.end(status.NOT_FOUND);
    clock.advance(5);
    end(status.NOT_FOUND);
    const common = { service: 'users', upstream: service, target: 'fairlead:///users', method: 'a.B/C' };
    expect(calls).toEqual([{ ...common, status: 'NOT_FOUND', durationMs: 55, ...NOTHING_REPEATED }]);
    const bytes = { sentBytes: 0, receivedBytes: 0 };
    expect(attempts).toEqual([
      { ...common, what: 'started', status: undefined, endpoint: undefined, durationMs: Number.NaN, ...bytes },
      { ...common, what: 'ended', status: 'NOT_FOUND', endpoint: service.endpoints[0], durationMs: 50, ...bytes },
    ]);
  });

  it('counts the bytes of messages per attempt, without the five of each frame', () => {
    const { attempts, pick, open, end } = record();
    const attempt = pick(0);
    const { stream, listener } = open(attempt);
    stream.sendMessageWithContext({}, Buffer.alloc(5 + 100));
    stream.sendMessageWithContext({}, Buffer.alloc(5));
    listener.onReceiveMessage(Buffer.alloc(5 + 7));
    listener.onReceiveMessage(Buffer.alloc(5 + 1));
    attempt.end(status.OK);
    end(status.OK);
    expect(attempts.at(-1)).toMatchObject({ sentBytes: 100, receivedBytes: 8 });
  });

  it('counts retries by their number, and the time between attempts as delay', () => {
    const { clock, calls, pick, open, end } = record();
    for (const number of [0, 1, 2]) {
      const attempt = pick(number);
      open(attempt);
      clock.advance(10);
      attempt.end(number < 2 ? status.UNAVAILABLE : status.OK);
      if (number < 2) clock.advance(100);
    }
    end(status.OK);
    expect(calls).toMatchObject([{ retries: 2, hedges: 0, transparentRetries: 0, retryDelayMs: 200, durationMs: 230 }]);
  });

  it('counts hedges apart, and no delay while another attempt goes on', () => {
    const { clock, calls, pick, open, end } = record(true);
    const first = pick(0);
    open(first);
    clock.advance(50);
    const second = pick(1);
    open(second);
    first.end(status.UNAVAILABLE);
    clock.advance(50);
    second.end(status.OK);
    end(status.OK);
    expect(calls).toMatchObject([{ retries: 0, hedges: 1, retryDelayMs: 0 }]);
  });

  it('takes an attempt whose number was streaming already for a transparent retry, though that has not ended', () => {
    const { calls, attempts, pick, open, end } = record();
    const refused = pick(0);
    open(refused);
    const again = pick(0);
    refused.end(status.UNAVAILABLE);
    open(again);
    again.end(status.OK);
    end(status.OK);
    expect(calls).toMatchObject([{ retries: 0, transparentRetries: 1 }]);
    expect(attempts.filter(({ what }) => what === 'started')).toHaveLength(2);
  });

  it('takes a stream that could not be opened for an attempt that failed, and passes on why', () => {
    const { attempts, pick, open, calls, end } = record();
    const fail = (): never => {
      throw new Error('not READY');
    };
    expect(() => open(pick(0), fail)).toThrow('not READY');
    open(pick(0));
    end(status.OK);
    expect(attempts.map(({ what, status: name }) => name ?? what)).toEqual(['started', 'INTERNAL', 'started', 'OK']);
    expect(calls).toMatchObject([{ transparentRetries: 1 }]);
  });

  it('takes a pick that is repeated before its stream was opened for the same attempt', () => {
    const { clock, attempts, pick, open, end } = record();
    expect(pick(0)).toBe(pick(0));
    clock.advance(1_000);
    const attempt = pick(0);
    open(attempt);
    attempt.end(status.OK);
    end(status.OK);
    expect(attempts.map(({ durationMs }) => durationMs)).toEqual([Number.NaN, 1_000]);
  });

  it('ends with its call what never got a stream, and nothing twice', () => {
    const { clock, attempts, calls, pick, end } = record();
    const attempt = pick(0);
    clock.advance(70);
    end(status.DEADLINE_EXCEEDED);
    attempt.end(status.OK);
    end(status.OK);
    expect(calls).toMatchObject([{ status: 'DEADLINE_EXCEEDED', durationMs: 70 }]);
    expect(attempts.at(-1)).toMatchObject({ what: 'ended', status: 'DEADLINE_EXCEEDED', endpoint: undefined });
    expect(attempts).toHaveLength(2);
  });

  it('of a call that had no attempt has no repeats', () => {
    const { calls, end } = record();
    end(status.CANCELLED);
    expect(calls).toMatchObject([NOTHING_REPEATED]);
  });

  it('costs 320 bytes at most while figures are read, with all that is counted of it', async () => {
    await using mesh = createMesh({ resolver: staticResolver({ users: ['10.0.0.1:1'] }) });
    using figures = meshFigures(mesh);
    const service = mesh.service('users');
    const counts = new GrpcCounts();
    const telemetry = new ChannelTelemetry(service, 'fairlead:///users', mesh.clock, counts);
    const metadata = new Metadata();
    class FakeStream {
      sendMessageWithContext(): void {}
    }
    const message = Buffer.alloc(5);
    const turn = (): void => {
      const call = new CallRecord(telemetry, '/a.B/C', false);
      const attempt = call.attempt(metadata);
      attempt.opened(new FakeStream() as never);
      attempt.received(message);
      attempt.end(status.OK);
      call.end(status.OK);
    };
    // 272 by Node 20 and 22, 278 by 24, of which 40 are the stream's.
    expect(bytesPer(turn)).toBeLessThan(320);
    expect(counts.all[0]!.attempts[status.OK]!.durations.count).toBeGreaterThan(10_000);
    expect(figures.operations('users')[0]).toMatchObject({ operation: 'a.B/C', status: 'OK' });
  });
});
