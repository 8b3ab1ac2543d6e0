import { compressionGzip } from '@connectrpc/connect-node';
import { createFairleadTransport, type FairleadTransportOptions } from 'fairlead/connect';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../../support/mesh.js';

const { mesh } = testMesh({ users: endpoints(1) });
const make = (options: object): unknown => createFairleadTransport(mesh, options as FairleadTransportOptions);

describe('createFairleadTransport', () => {
  it.each([
    [{}, /createFairleadTransport\.service is undefined/],
    [{ service: 'users', protocol: 'grpc-web' }, /protocol is "grpc-web": allowed is one of grpc, connect/],
    [{ service: 'users', retries: 3 }, /retries is not an option/],
    [{ service: 'users', defaultTimeoutMs: 0 }, /defaultTimeoutMs is 0/],
    [{ service: 'users', baseUrl: 'http://x' }, /baseUrl is "http:\/\/x": allowed is a function/],
    [{ service: 'users', transport: { baseUrl: 'http://x' } }, /transport\.baseUrl is not an option/],
    [{ service: 'users', transport: { bogus: 1 } }, /transport\.bogus is not an option: there are useBinaryFormat, /],
    [{ service: 'users', transport: [] }, /transport is an array/],
    [{ service: 'users', transport: { pingIntervalMs: -1 } }, /transport\.pingIntervalMs is -1: allowed is a number/],
    [{ service: 'users', transport: { pingTimeoutMs: Number.NaN } }, /transport\.pingTimeoutMs is NaN/],
    [{ service: 'users', transport: { idleConnectionTimeoutMs: '1s' } }, /idleConnectionTimeoutMs is "1s"/],
    [{ service: 'users', transport: { readMaxBytes: 0 } }, /readMaxBytes is 0: allowed is a whole number from 1/],
    [{ service: 'users', transport: { interceptors: [{}] } }, /interceptors is .* allowed is an array of functions/],
    [{ service: 'users', transport: { sendCompression: 'gzip' } }, /sendCompression is "gzip"/],
    [{ service: 'users', transport: { acceptCompression: ['gzip'] } }, /acceptCompression is .*compressionGzip/],
    [{ service: 'users', transport: { nodeOptions: 'x' } }, /nodeOptions is "x": allowed is an object/],
    [{ service: 'users', transport: { useHttpGet: true } }, /transport\.useHttpGet is not an option/],
  ])('refuses %o on arrival', (options, message) => {
    expect(() => make(options)).toThrow(message);
  });

  it('takes what connect-node has a use for', () => {
    const both = {
      useBinaryFormat: false,
      interceptors: [(next: unknown) => next],
      acceptCompression: [compressionGzip],
      sendCompression: compressionGzip,
      readMaxBytes: 1_000_000,
      pingIntervalMs: Number.POSITIVE_INFINITY,
      idleConnectionTimeoutMs: 0,
      nodeOptions: { maxSessionMemory: 1 },
      jsonOptions: undefined,
    };
    expect(() => make({ service: 'users', transport: both })).not.toThrow();
    expect(() =>
      make({ service: 'users', protocol: 'connect', transport: { ...both, useHttpGet: true } }),
    ).not.toThrow();
  });

  it('opens no connection before the first call', () => {
    const transport = createFairleadTransport(mesh, {
      service: 'users',
      baseUrl: () => {
        throw new Error('asked too early');
      },
    });
    transport.close();
  });
});
