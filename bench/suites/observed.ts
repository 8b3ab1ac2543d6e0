import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { context, propagation, type Tracer, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  InMemorySpanExporter,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import { createMesh, type Mesh, type ServiceOptions, staticResolver } from 'fairlead';
import { registerGrpc } from 'fairlead/grpc';
import { fairleadMetricProducer, instrumentMesh, traceMesh } from 'fairlead/otel';
import { ShardedRedis } from 'fairlead/redis';
import type { Case, Contender, Suite } from '../runner/suite.js';
import { startGrpcServers } from '../support/grpc-servers.js';
import { atOnce, atOnceWithCallbacks } from '../support/loop.js';
import { type Address, startThreeRedis } from '../support/redis-servers.js';

interface World {
  readonly grpc: readonly string[];
  readonly redis: readonly Address[];
}

/** What looks on; each is switched on before the first call. */
type Observe = (mesh: Mesh) => void;

/** Exports go nowhere, and rarely: what a call costs is asked for here, not what a backend does. */
const EXPORT_MS = 10_000;

/** A reader of the SDK, with the producer or without. */
function reader(mesh: Mesh, produced: boolean): PeriodicExportingMetricReader {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  setInterval(() => exporter.reset(), EXPORT_MS).unref();
  return new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: EXPORT_MS,
    ...(produced && { metricProducers: [fairleadMetricProducer(mesh)] }),
  });
}

const figures: Observe = (mesh) => void new MeterProvider({ readers: [reader(mesh, true)] });
const instruments: Observe = (mesh) =>
  void instrumentMesh(mesh, { meterProvider: new MeterProvider({ readers: [reader(mesh, false)] }) });

/** 1 % of the calls have spans, as one that a request samples would have. */
const SAMPLED = 0.01;
function tracing(): Tracer {
  const exporter = new InMemorySpanExporter();
  setInterval(() => exporter.reset(), EXPORT_MS).unref();
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(SAMPLED) }),
      spanProcessors: [new BatchSpanProcessor(exporter)],
    }),
  );
  return trace.getTracer('bench');
}
/** What a program pays that has the SDK, before the mesh has part in it. */
const sdk: Observe = () => void tracing();
/** And once it traced anything: the first context makes Node follow all that is asynchronous. */
const sdkInUse: Observe = () => {
  tracing();
  context.with(context.active(), () => {});
};
const spans: Observe = (mesh) => {
  tracing();
  traceMesh(mesh);
};

interface Observed {
  readonly observe: Observe;
  readonly options?: ServiceOptions;
}

const RECORDED: ServiceOptions = { recorder: {} };
const WAYS: Readonly<Record<string, Observed>> = {
  'nothing looks on': { observe: () => {} },
  figures: { observe: figures },
  recorder: { observe: () => {}, options: RECORDED },
  'OpenTelemetry SDK registered, without traceMesh': { observe: sdk },
  'the same, and one context was made': { observe: sdkInUse },
  'spans of 1 %': { observe: spans },
  'everything: figures, spans of 1 %, recorder': {
    observe: (mesh) => {
      figures(mesh);
      spans(mesh);
    },
    options: RECORDED,
  },
  instrumentMesh: { observe: instruments },
};

const contenders = (make: (observed: Observed) => (world: World) => Contender): Case<World>['contenders'] =>
  Object.fromEntries(Object.entries(WAYS).map(([name, observed]) => [name, make(observed)]));

const EMPTY = Buffer.alloc(0);
const same = (bytes: Buffer): Buffer => bytes;

const grpc =
  (concurrency: number) =>
  ({ observe, options }: Observed) =>
  ({ grpc: addresses }: World): Contender => {
    const mesh = createMesh({ resolver: staticResolver({ users: addresses }), services: { users: options ?? {} } });
    registerGrpc(mesh);
    observe(mesh);
    const client = new Client('fairlead:///users?policy=peak_ewma', credentials.createInsecure(), {
      'grpc.enable_channelz': 0,
    });
    return {
      run: async (operations) => {
        await atOnceWithCallbacks(operations, concurrency, (_, done) => {
          client.makeUnaryRequest('/bench.Bench/Call', same, same, EMPTY, new Metadata(), (error) => done(error));
        });
        return undefined;
      },
      close: () => client.close(),
    };
  };

const KEYS = Array.from({ length: 10_000 }, (_, i) => `user:${i}:profile`);

const redis =
  (concurrency: number) =>
  ({ observe, options }: Observed) =>
  ({ redis: servers }: World): Contender => {
    const cache = servers.map((address, i) => ({ id: `s${i}`, ...address }));
    const mesh = createMesh({ resolver: staticResolver({ cache }), services: { cache: options ?? {} } });
    observe(mesh);
    const client = new ShardedRedis(mesh, { service: 'cache' });
    return {
      run: async (operations) => {
        await atOnce(operations, concurrency, (i) => client.get(KEYS[i % KEYS.length]!));
        return undefined;
      },
      close: async () => {
        client.disconnect();
        await mesh.close();
      },
    };
  };

const EVERYTHING = 'everything: figures, spans of 1 %, recorder';
const WANTED = 1.05;

export const suite: Suite<World> = {
  about: 'what a gRPC call and a Redis command cost with figures, spans and the recorder switched on',
  rounds: 30,
  start: async () => {
    const [calls, commands] = await Promise.all([startGrpcServers(), startThreeRedis()]);
    return {
      world: { grpc: calls.world, redis: commands.world },
      stop: async () => {
        await Promise.all([calls.stop(), commands.stop()]);
      },
    };
  },
  cases: [
    {
      title: 'gRPC, unary, 64 at once',
      operations: 2_000,
      baseline: 'nothing looks on',
      contenders: contenders(grpc(64)),
      targets: { [EVERYTHING]: WANTED },
    },
    {
      title: 'Redis, GET, 100 at once',
      operations: 10_000,
      baseline: 'nothing looks on',
      contenders: contenders(redis(100)),
      targets: { [EVERYTHING]: WANTED },
    },
  ],
};
