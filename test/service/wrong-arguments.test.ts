import { closeOnSignals, createMesh, FairleadError, staticResolver } from 'fairlead';
import { createAdmin } from 'fairlead/admin';
import { createConfigStore } from 'fairlead/config';
import { createFairleadTransport } from 'fairlead/connect';
import { createGateway } from 'fairlead/gateway';
import { registerGrpc } from 'fairlead/grpc';
import { createAgent, createDispatcher } from 'fairlead/http';
import { logMesh, monitorMesh } from 'fairlead/monitor';
import * as mysql from 'fairlead/mysql';
import * as promised from 'fairlead/mysql/promise';
import { fairleadMetricProducer, instrumentMesh, traceMesh } from 'fairlead/otel';
import { prometheusMetrics } from 'fairlead/prometheus';
import { ShardedRedis } from 'fairlead/redis';
import { createConnection, createTcpProxy, createUdpProxy } from 'fairlead/tcp';
import { describe, expect, it } from 'vitest';

type Takes = (mesh: never, options: never) => unknown;

const TAKE_A_MESH: Record<string, Takes> = {
  createAdmin,
  createAgent,
  createConfigStore,
  createConnection,
  createDispatcher,
  createDriver: mysql.createDriver,
  createFairleadTransport,
  createGateway,
  createPool: mysql.createPool,
  'createPool of promises': promised.createPool,
  createTcpProxy,
  createUdpProxy,
  fairleadMetricProducer,
  instrumentMesh,
  logMesh,
  monitorMesh,
  prometheusMetrics,
  registerGrpc,
  ShardedRedis: (mesh, options) => new ShardedRedis(mesh, options),
  traceMesh,
};

const refusal = (message: RegExp): unknown =>
  expect.objectContaining({ code: 'FAIRLEAD_INVALID_OPTION', message: expect.stringMatching(message) as string });

describe('what is no mesh', () => {
  it.each(Object.entries(TAKE_A_MESH))('is refused by %s, which says where a mesh belongs', (name, take) => {
    for (const wrong of [undefined, null, {}, { service: 'users' }, 'users']) {
      expect(() => take(wrong as never, { service: 'users' } as never)).toThrow(
        refusal(new RegExp(`^${name.split(' ')[0]}: its first argument is .*: allowed is a mesh of createMesh`)),
      );
    }
  });

  it('is refused when signals are to close it, and not at the signal', () => {
    const before = process.listenerCount('SIGTERM');
    for (const wrong of [undefined, { deadlineMs: 1 }]) {
      expect(() => closeOnSignals(wrong as never)).toThrow(refusal(/^closeOnSignals: its first argument/));
    }
    expect(process.listenerCount('SIGTERM')).toBe(before);
  });
});

describe('a signal', () => {
  it('that no system has, or no process hears of, is refused, as it would never come', () => {
    const mesh = createMesh();
    for (const signal of ['SIGTREM', 'SIGKILL', 'SIGSTOP']) {
      expect(() => closeOnSignals(mesh, { signals: [signal as never] })).toThrow(refusal(/closeOnSignals\.signals/));
    }
    expect(() => closeOnSignals(mesh, null as never)).toThrow(FairleadError);
  });

  it('to wait for a service by that is none is refused, and nothing waits on', async () => {
    const mesh = createMesh({ resolver: staticResolver({ users: [], pages: ['127.0.0.1:1'] }) });
    for (const name of ['users', 'pages']) {
      for (const wrong of [5, {}, { timeoutMs: 5 }]) {
        await expect(mesh.service(name).ready(wrong as never)).rejects.toEqual(
          refusal(/^ready\.signal is .*AbortSignal/),
        );
      }
    }
    await mesh.close();
  });
});

describe('the lists of staticResolver', () => {
  it('are refused where they are none', () => {
    expect(() => staticResolver().update('users', '127.0.0.1:1' as never)).toThrow(
      refusal(/staticResolver\.update\('users'\) is .*: allowed is an array/),
    );
  });
});
