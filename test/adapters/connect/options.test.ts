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
  ])('refuses %o on arrival', (options, message) => {
    expect(() => make(options)).toThrow(message);
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
