import { WireReader, WireWriter } from '../../runtime/wire.js';
import type {
  EtcdEntry,
  EtcdEvent,
  EtcdHeader,
  EtcdPage,
  EtcdPageRequest,
  EtcdRange,
  EtcdWatchMessage,
} from './calls.js';

/**
 * The messages of etcd's v3 API that we use, by the field numbers of `rpc.proto` and `kv.proto`
 * (etcd 3.4 and 3.5). Decoders pass over fields they do not know and throw a RangeError for what
 * is not a message.
 */

const NO_HEADER: EtcdHeader = { clusterId: 0n, revision: 0n };

/** A new revision is read whole: the pages of one list are of one revision. */
export function encodePageRequest({ key, prefix, after, limit, revision }: EtcdPageRequest): Buffer {
  const message = new WireWriter().bytes(1, after === '' ? key : afterKey(after));
  if (prefix) message.bytes(2, prefixEnd(key));
  message.varint(3, limit);
  if (revision > 0n) message.varint(4, revision);
  return message.finish();
}

export function decodePage(bytes: Uint8Array): EtcdPage {
  let header = NO_HEADER;
  let more = false;
  const entries: EtcdEntry[] = [];
  const reader = new WireReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) header = decodeHeader(reader.bytes());
    else if (reader.field === 2) entries.push(decodeEntry(reader.bytes()));
    else if (reader.field === 3) more = reader.varint() !== 0;
  }
  return { header, entries, more };
}

export function encodePut(key: string, value: string, lease: bigint): Buffer {
  return new WireWriter().bytes(1, key).bytes(2, value).varint(3, lease).finish();
}

/** `WatchRequest` with a `create_request`: with progress notices, and large answers in pieces. */
export function encodeWatchCreate({ key, prefix }: EtcdRange, revision: bigint): Buffer {
  const create = new WireWriter().bytes(1, key);
  if (prefix) create.bytes(2, prefixEnd(key));
  create.varint(3, revision).bool(4, true).bool(8, true);
  return new WireWriter().message(1, create).finish();
}

/** `WatchRequest` with an empty `progress_request`. */
export function encodeProgressRequest(): Buffer {
  return new WireWriter().message(3, new WireWriter()).finish();
}

export function decodeWatchMessage(bytes: Uint8Array): EtcdWatchMessage {
  let header = NO_HEADER;
  let created = false;
  let canceled = false;
  let fragment = false;
  let compactRevision = 0n;
  let reason = '';
  const events: EtcdEvent[] = [];
  const reader = new WireReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) header = decodeHeader(reader.bytes());
    else if (reader.field === 3) created = reader.varint() !== 0;
    else if (reader.field === 4) canceled = reader.varint() !== 0;
    else if (reader.field === 5) compactRevision = reader.int64();
    else if (reader.field === 6) reason = reader.string();
    else if (reader.field === 7) fragment = reader.varint() !== 0;
    else if (reader.field === 11) events.push(decodeEvent(reader.bytes()));
  }
  return { header, created, canceled, compactRevision, reason, fragment, events };
}

/** `LeaseRevokeRequest` and `LeaseKeepAliveRequest` alike. */
export function encodeLease(lease: bigint): Buffer {
  return new WireWriter().varint(1, lease).finish();
}

export function encodeGrant(ttlSeconds: number): Buffer {
  return new WireWriter().varint(1, ttlSeconds).finish();
}

/** `LeaseGrantResponse` and `LeaseKeepAliveResponse` alike. A lease that is over has no TTL. */
export function decodeLease(bytes: Uint8Array): { readonly lease: bigint; readonly ttlSeconds: number } {
  let lease = 0n;
  let ttlSeconds = 0;
  const reader = new WireReader(bytes);
  while (reader.next()) {
    if (reader.field === 2) lease = reader.int64();
    else if (reader.field === 3) ttlSeconds = Number(reader.int64());
  }
  return { lease, ttlSeconds };
}

export function encodeAuthenticate(user: string, password: string): Buffer {
  return new WireWriter().bytes(1, user).bytes(2, password).finish();
}

export function decodeToken(bytes: Uint8Array): string {
  let token = '';
  const reader = new WireReader(bytes);
  while (reader.next()) if (reader.field === 2) token = reader.string();
  return token;
}

function decodeHeader(bytes: Uint8Array): EtcdHeader {
  let clusterId = 0n;
  let revision = 0n;
  const reader = new WireReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) clusterId = reader.int64();
    else if (reader.field === 3) revision = reader.int64();
  }
  return { clusterId, revision };
}

function decodeEntry(bytes: Uint8Array): EtcdEntry {
  let key = '';
  let value = '';
  let modRevision = 0n;
  let lease = 0n;
  const reader = new WireReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) key = reader.string();
    else if (reader.field === 3) modRevision = reader.int64();
    else if (reader.field === 5) value = reader.string();
    else if (reader.field === 6) lease = reader.int64();
  }
  return { key, value, modRevision, lease };
}

const NO_ENTRY: EtcdEntry = { key: '', value: '', modRevision: 0n, lease: 0n };

function decodeEvent(bytes: Uint8Array): EtcdEvent {
  let deleted = false;
  let entry = NO_ENTRY;
  const reader = new WireReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) deleted = reader.varint() !== 0;
    else if (reader.field === 2) entry = decodeEntry(reader.bytes());
  }
  return { deleted, entry };
}

/** The first key that does not begin with the prefix: its last byte that can grow, grown by one. */
function prefixEnd(prefix: string): Buffer {
  const end = Buffer.from(prefix);
  let last = end.length - 1;
  while (last >= 0 && end[last] === 0xff) last--;
  // No byte to grow: all keys from there on, which etcd writes as a zero byte.
  if (last < 0) return Buffer.from([0]);
  end[last]!++;
  return end.subarray(0, last + 1);
}

/** The next key there may be. */
function afterKey(key: string): Buffer {
  return Buffer.concat([Buffer.from(key), Buffer.from([0])]);
}
