import { createRequire } from 'node:module';
import type { InstrumentationBase } from '@opentelemetry/instrumentation';
import { GrpcInstrumentation } from '@opentelemetry/instrumentation-grpc';
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis';
import { MySQL2Instrumentation } from '@opentelemetry/instrumentation-mysql2';

/**
 * They patch packages as these are first required: this file is imported before all that loads one.
 */
export const instrumentations: Record<'grpc' | 'ioredis' | 'mysql2', InstrumentationBase> = {
  grpc: new GrpcInstrumentation(),
  ioredis: new IORedisInstrumentation({ requireParentSpan: false }),
  mysql2: new MySQL2Instrumentation(),
};

const require = createRequire(import.meta.url);
for (const name of ['@grpc/grpc-js', 'ioredis', 'mysql2', 'mysql2/promise']) require(name);
// Each test switches on its own.
for (const each of Object.values(instrumentations)) each.disable();
