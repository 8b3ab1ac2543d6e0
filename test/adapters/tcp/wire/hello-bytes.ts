import { Duplex } from 'node:stream';
import { type ConnectionOptions, connect } from 'node:tls';

/** What a TLS client of this Node writes first, without a network. */
export async function realHello(options: ConnectionOptions): Promise<Buffer> {
  const written = new Promise<Buffer>((resolve) => {
    const wire = new Duplex({
      read: () => {},
      write: (chunk: Buffer, _, done) => {
        resolve(chunk);
        done();
      },
    });
    connect({ ...options, socket: wire }).on('error', () => {});
  });
  return await written;
}

const u8 = (value: number): Buffer => Buffer.from([value]);
const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
const sized8 = (bytes: Buffer): Buffer => Buffer.concat([u8(bytes.length), bytes]);
const sized16 = (bytes: Buffer): Buffer => Buffer.concat([u16(bytes.length), bytes]);

export const extension = (type: number, data: Buffer): Buffer => Buffer.concat([u16(type), sized16(data)]);
export const nameExtension = (name: string): Buffer =>
  extension(0, sized16(Buffer.concat([u8(0), sized16(Buffer.from(name, 'latin1'))])));
export const alpnExtension = (names: readonly string[]): Buffer =>
  extension(16, sized16(Buffer.concat(names.map((name) => sized8(Buffer.from(name, 'latin1'))))));

/** The handshake message, without records. */
export function helloMessage(extensions: Buffer | undefined, type = 1): Buffer {
  const body = Buffer.concat([
    u16(0x0303),
    Buffer.alloc(32, 7),
    sized8(Buffer.alloc(32, 8)),
    sized16(Buffer.from([0x13, 0x01, 0x0a, 0x0a])),
    sized8(u8(0)),
    ...(extensions === undefined ? [] : [sized16(extensions)]),
  ]);
  return Buffer.concat([u8(type), u8(0), u16(body.length), body]);
}

/** Records of at most `size` bytes of the message each. */
export function inRecords(message: Buffer, size = 16_384): Buffer {
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    records.push(Buffer.from([22, 3, 1]), sized16(message.subarray(at, at + size)));
  }
  return Buffer.concat(records);
}
