import { Bytes } from './bytes.js';

/** What a TLS client says before anything is encrypted. */
export interface ClientHello {
  /** The name of SNI in lower case; undefined where it sends none. */
  readonly serverName: string | undefined;
  /** The protocols of ALPN, in the client's order. */
  readonly alpn: readonly string[];
}

/** TLS record: type, version and length (RFC 8446, 5.1). */
const RECORD_HEADER = 5;
const HANDSHAKE = 22;
const MAJOR_VERSION = 3;
const MAX_FRAGMENT = 16_384;
/** Handshake message: type and length (RFC 8446, 4). */
const MESSAGE_HEADER = 4;
const CLIENT_HELLO = 1;

/**
 * Reads a ClientHello, which may be spread over records (RFC 8446, 4.1.2 and 5.1). Returns it; or a
 * number: so many bytes are needed to know more, which is more than there are; or undefined where
 * the bytes are none, or one that is broken. Keeps nothing of them.
 */
export function readClientHello(bytes: Buffer): ClientHello | number | undefined {
  const fragments: Buffer[] = [];
  let have = 0;
  let total = MESSAGE_HEADER;
  for (let at = 0; ; ) {
    // What does not begin as a record is known by its first bytes: a server that speaks something
    // else need not wait for more.
    if (at < bytes.length && bytes[at] !== HANDSHAKE) return undefined;
    if (at + 1 < bytes.length && bytes[at + 1] !== MAJOR_VERSION) return undefined;
    if (at + RECORD_HEADER > bytes.length) return at + RECORD_HEADER;
    const length = bytes.readUInt16BE(at + RECORD_HEADER - 2);
    // Handshake records are never empty (RFC 8446, 5.1).
    if (length === 0 || length > MAX_FRAGMENT) return undefined;
    at += RECORD_HEADER;
    if (have === 0 && at < bytes.length && bytes[at] !== CLIENT_HELLO) return undefined;
    if (at + length > bytes.length) return at + length;
    fragments.push(bytes.subarray(at, at + length));
    have += length;
    at += length;
    if (have >= MESSAGE_HEADER && total === MESSAGE_HEADER) {
      total += Buffer.concat(fragments).readUIntBE(1, MESSAGE_HEADER - 1);
    }
    if (have >= total) return parse(new Bytes(Buffer.concat(fragments).subarray(MESSAGE_HEADER, total)));
  }
}

const VERSION_AND_RANDOM = 34;
const SERVER_NAME = 0;
const ALPN = 16;

function parse(hello: Bytes): ClientHello | undefined {
  hello.take(VERSION_AND_RANDOM);
  hello.take(hello.uint8()); // Session id.
  hello.take(hello.uint16()); // Cipher suites.
  hello.take(hello.uint8()); // Compression methods.
  // Before TLS 1.3 the extensions may be missing altogether.
  const extensions = new Bytes(hello.done ? Buffer.alloc(0) : hello.take(hello.uint16()));
  if (hello.failed || !hello.done) return undefined;
  let serverName: string | undefined;
  let alpn: readonly string[] = [];
  while (!extensions.done) {
    const type = extensions.uint16();
    const data = new Bytes(extensions.take(extensions.uint16()));
    // Others, and what GREASE makes up (RFC 8701), are passed over.
    if (type === SERVER_NAME) {
      const name = hostName(data);
      if (name === undefined || serverName !== undefined) return undefined;
      serverName = name;
    } else if (type === ALPN) {
      alpn = protocols(data);
      if (alpn.length === 0) return undefined;
    }
  }
  return extensions.failed ? undefined : { serverName, alpn };
}

const HOST_NAME = 0;
/** A host name as DNS has it: nothing else is routed by. */
const NAME = /^[a-z\d_-]+(\.[a-z\d_-]+)*$/;
const MAX_NAME = 253;

/** RFC 6066, 3: a list in which there is one name of a host. */
function hostName(extension: Bytes): string | undefined {
  const list = new Bytes(extension.take(extension.uint16()));
  const type = list.uint8();
  const name = list.take(list.uint16()).toString('latin1').toLowerCase();
  if (extension.failed || !extension.done || list.failed || !list.done || type !== HOST_NAME) return undefined;
  return name.length <= MAX_NAME && NAME.test(name) ? name : undefined;
}

/** RFC 7301, 3.1: a list of names, none of them empty. Empty where it is broken. */
function protocols(extension: Bytes): readonly string[] {
  const list = new Bytes(extension.take(extension.uint16()));
  const names: string[] = [];
  while (!list.done) {
    const name = list.take(list.uint8()).toString('latin1');
    if (name === '') return [];
    names.push(name);
  }
  return extension.failed || !extension.done || list.failed ? [] : names;
}
