import grpc from '@grpc/grpc-js';
import { createMesh, staticResolver } from 'fairlead';
import { registerGrpc } from 'fairlead/grpc';
import { Heard } from '../heard.js';
import type { Pairing, Script, Side, Transcript } from '../script.js';
import { GrpcPlayer, timeless } from './player.js';
import { grpcScript } from './script.js';

let schemes = 0;

const CONFIGS: Readonly<Record<string, object | undefined>> = {
  timeout: { methodConfig: [{ name: [{}], timeout: '2s' }] },
  retry: {
    methodConfig: [
      {
        name: [{}],
        retryPolicy: {
          maxAttempts: 2,
          initialBackoff: '0.01s',
          maxBackoff: '0.01s',
          backoffMultiplier: 1,
          retryableStatusCodes: ['UNAVAILABLE'],
        },
      },
    ],
  },
};

/** A channel over one server, beside one of grpc-js itself. */
export function grpcPairing(port: number): Pairing {
  return {
    name: 'grpc-js',
    script: grpcScript,
    async play(side: Side, { options, steps }: Script): Promise<Transcript> {
      const heard = new Heard(read);
      const mesh = createMesh({ resolver: staticResolver({ diff: [{ id: 'a', host: '127.0.0.1', port }] }) });
      const scheme = `fairlead-${schemes++}`;
      registerGrpc(mesh, { scheme });
      const { interceptor, serviceConfig, ...rest } = options;
      const config = CONFIGS[String(serviceConfig)];
      const target = side === 'plain' ? `127.0.0.1:${port}` : `${scheme}:///diff`;
      const client = new grpc.Client(target, grpc.credentials.createInsecure(), {
        ...rest,
        ...(config && { 'grpc.service_config': JSON.stringify(config) }),
        ...(interceptor !== undefined && { interceptors: [INTERCEPTORS[String(interceptor)]!] }),
      } as grpc.ClientOptions);
      try {
        await new Promise<void>((resolve, reject) =>
          client.waitForReady(Date.now() + 5_000, (error) => (error ? reject(error) : resolve())),
        );
        const player = new GrpcPlayer(client, heard);
        for (const step of steps) if (!(await heard.ended(() => player.play(step)))) break;
        return heard.transcript;
      } finally {
        client.close();
        await mesh.close({ deadlineMs: 100 });
      }
    },
  };
}

const INTERCEPTORS: Readonly<Record<string, grpc.Interceptor>> = {
  passes: (options, next) => new grpc.InterceptingCall(next(options)),
  adds: (options, next) =>
    new grpc.InterceptingCall(next(options), {
      start: (metadata, listener, begin) => {
        metadata.set('x-added', 'by an interceptor');
        begin(metadata, listener);
      },
    }),
};

function read(value: object): object | undefined {
  if (value instanceof grpc.Metadata)
    return Object.fromEntries(Object.entries(value.toJSON()).filter(([key]) => key !== 'date'));
  if (!(value instanceof Error)) return undefined;
  const { code, details, metadata } = value as grpc.ServiceError;
  return { error: value.name, message: timeless(value.message), code, details: details && timeless(details), metadata };
}
