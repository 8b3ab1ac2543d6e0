import { Metadata } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { labelOf } from '../../../../adapters/grpc/calls/call.js';
import { laneOf } from '../../../../src/routing/lanes/lane-context.js';

it('several values of baggage are one list, of another name the first counts', () => {
  const metadata = new Metadata();
  metadata.add('baggage', 'user=7');
  metadata.add('baggage', 'lane=feature-x');
  metadata.add('x-a', '1');
  metadata.add('x-a', '2');
  expect(labelOf(metadata, 'baggage')).toBe('user=7,lane=feature-x');
  expect(laneOf((name) => labelOf(metadata, name))).toBe('feature-x');
  expect(labelOf(metadata, 'x-a')).toBe('1');
  expect(labelOf(metadata, 'x-b')).toBeUndefined();
});
