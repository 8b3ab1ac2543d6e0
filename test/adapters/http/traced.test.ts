import type { Tracer } from 'fairlead/adapter';
import { expect, it } from 'vitest';
import { withTrace } from '../../../adapters/http/traced.js';

const tracer = {
  inject: (carrier, setter) => setter.set(carrier, 'traceparent', 'ours'),
} as Partial<Tracer> as Tracer;

it.each([
  ['none', null],
  ['an object', { TraceParent: 'forwarded', accept: '*/*' }],
  ['a flat list', ['traceparent', 'forwarded', 'accept', '*/*']],
  ['pairs', new Map([['traceparent', 'forwarded']])],
])('a request has one traceparent, that of its attempt, over headers given as %s', (_, headers) => {
  const given = { path: '/', method: 'GET', headers } as const;
  const sent = withTrace(tracer, given).headers as string[];
  const names = sent.filter((_name, i) => i % 2 === 0).map((name) => name.toLowerCase());
  expect(names.filter((name) => name === 'traceparent')).toHaveLength(1);
  expect(sent[sent.length - 1]).toBe('ours');
  expect(names.includes('accept')).toBe(JSON.stringify(headers)?.includes('accept') ?? false);
  expect(given.headers).toBe(headers);
});
