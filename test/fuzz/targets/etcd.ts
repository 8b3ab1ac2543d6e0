import { layoutOf } from '../../../src/discovery/etcd/layouts/index.js';
import { decodeLease, decodePage, decodeToken, decodeWatchMessage } from '../../../src/discovery/etcd/messages.js';
import { WireWriter } from '../../../src/runtime/wire.js';
import type { FuzzTarget } from '../target.js';

const header = new WireWriter().varint(1, 1n).varint(2, 2n).varint(3, 77n).finish();
const pair = new WireWriter().bytes(1, 'users/a').varint(3, 7n).bytes(5, '{"Op":0,"Addr":"10.0.0.1:5001"}').finish();
const event = new WireWriter().varint(1, 1).bytes(2, pair).finish();
const page = new WireWriter().bytes(1, header).bytes(2, pair).varint(3, 1).varint(4, 1).finish();
const watch = new WireWriter().bytes(1, header).varint(3, 1).bytes(11, event).finish();
/** The decoder says no by a plain error of one sentence. */
const plain = (error: unknown): boolean =>
  error instanceof Error && !(error instanceof TypeError) && !(error instanceof ReferenceError);

const LAYOUTS = {
  'etcd-naming': '{"Op":0,"Addr":"10.0.0.1:5001","Metadata":{"weight":2,"zone":"a","tags":["x"],"meta":{"a":"b"}}}',
  'go-zero': '10.0.0.1:5001',
  kratos: '{"id":"a","name":"users","version":"1","metadata":{"weight":"2"},"endpoints":["grpc://10.0.0.1:5001"]}',
  kitex: '{"network":"tcp","address":"10.0.0.1:5001","weight":10,"tags":{"zone":"a"}}',
  skydns: '{"host":"10.0.0.1","port":5001,"priority":1,"weight":10}',
  'instance-json': '{"ID":"a","Address":"10.0.0.1:5001","Weight":2,"Active":true}',
} as const;

export const etcd: readonly FuzzTarget[] = [
  { name: 'etcd-page', examples: [page], words: [header, pair], refusal: plain, read: (input) => decodePage(input) },
  {
    name: 'etcd-watch',
    examples: [watch],
    words: [header, event],
    refusal: plain,
    read: (input) => decodeWatchMessage(input),
  },
  {
    name: 'etcd-answers',
    examples: [new WireWriter().varint(3, 10).finish()],
    refusal: plain,
    read: (input) => [decodeLease(input), decodeToken(input)],
  },
  ...Object.entries(LAYOUTS).map(
    ([layout, example]): FuzzTarget => ({
      name: `etcd-layout-${layout}`,
      examples: [example],
      words: ['"Addr"', '"endpoints":[', 'grpc://', '[::1]:80', '"weight":"x"', '"Active":0'],
      refusal: plain,
      read: (input) =>
        layoutOf('test', { layout, prefix: undefined, scheme: layout === 'kratos' ? 'grpc' : undefined } as never).read(
          input.toString(),
          'a',
          'users',
        ),
    }),
  ),
];
