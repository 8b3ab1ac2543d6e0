import { type Client, Metadata, type ServiceError } from '@grpc/grpc-js';
import { type Clock, withTimeout } from '../../runtime/clock.js';
import { FairleadError } from '../../runtime/errors.js';
import {
  type EtcdCalls,
  type EtcdPage,
  type EtcdPageRequest,
  type EtcdRange,
  type EtcdStream,
  type EtcdWatchHearer,
  RefusedByEtcd,
  Status,
  UnansweredEtcd,
} from './calls.js';
import type { EtcdConnection } from './connection.js';
import { EtcdMembers } from './member.js';
import {
  decodeLease,
  decodePage,
  decodeToken,
  decodeWatchMessage,
  encodeAuthenticate,
  encodeGrant,
  encodeLease,
  encodePageRequest,
  encodeProgressRequest,
  encodePut,
  encodeWatchCreate,
} from './messages.js';

const asIs = (bytes: Buffer): Buffer => bytes;

/** Statuses that say nothing came back, or that this member can do nothing at the moment. */
const UNANSWERED: readonly number[] = [Status.cancelled, Status.unknown, Status.deadlineExceeded, Status.unavailable];

/** etcd's API over grpc-js, with the messages written by hand. */
export class GrpcCalls implements EtcdCalls {
  readonly #members: EtcdMembers;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #user: string | undefined;
  readonly #password: string;
  /** What `Authenticate` returned; '' where the cluster wants none. */
  #token: Promise<string> | undefined;

  constructor(connection: EtcdConnection, clock: Clock) {
    this.#members = new EtcdMembers(connection);
    this.#clock = clock;
    this.#timeoutMs = connection.requestTimeoutMs;
    this.#user = connection.user;
    this.#password = connection.password ?? '';
  }

  get address(): string {
    return this.#members.address;
  }

  async page(request: EtcdPageRequest): Promise<EtcdPage> {
    return this.#decoded(decodePage, await this.#call('KV/Range', encodePageRequest(request)));
  }

  async put(key: string, value: string, lease: bigint): Promise<void> {
    await this.#call('KV/Put', encodePut(key, value, lease));
  }

  async grant(ttlSeconds: number): Promise<{ readonly lease: bigint; readonly ttlSeconds: number }> {
    return this.#decoded(decodeLease, await this.#call('Lease/LeaseGrant', encodeGrant(ttlSeconds)));
  }

  async keepAlive(lease: bigint): Promise<number> {
    const answer = await this.#authorized((metadata) =>
      this.#first('Lease/LeaseKeepAlive', encodeLease(lease), metadata),
    );
    return this.#decoded(decodeLease, answer).ttlSeconds;
  }

  async revoke(lease: bigint): Promise<void> {
    try {
      await this.#call('Lease/LeaseRevoke', encodeLease(lease));
    } catch (thrown) {
      if (!(thrown instanceof RefusedByEtcd && thrown.status === Status.notFound)) throw thrown;
    }
  }

  watch(range: EtcdRange, revision: bigint, hearer: EtcdWatchHearer): EtcdStream {
    let closed = false;
    let stream: ReturnType<GrpcCalls['open']> | undefined;
    const end = (error: Error): void => {
      if (closed) return;
      closed = true;
      stream?.cancel();
      hearer.ended(error);
    };
    const begin = async (): Promise<void> => {
      const metadata = await this.#metadata();
      if (closed) return;
      // Without a leader the member knows of no change: it ends the stream instead of being silent.
      metadata.set('hasleader', 'true');
      const client = this.#client();
      stream = this.open(client, 'Watch/Watch', metadata);
      stream.on('data', (bytes: Buffer) => {
        if (closed) return;
        try {
          hearer.message(decodeWatchMessage(bytes));
        } catch (thrown) {
          end(this.#unreadable(thrown));
        }
      });
      stream.on('error', (error: ServiceError) => {
        // Our own hanging up is no fault of the member.
        if (!closed) end(this.#judge(error, client));
      });
      // A status of OK ends a stream without an error.
      stream.on('end', () => end(this.#unanswered('the watch ended')));
      stream.write(encodeWatchCreate(range, revision));
    };
    begin().catch(end);
    return {
      askProgress: () => {
        if (!closed) stream?.write(encodeProgressRequest());
      },
      close: () => {
        closed = true;
        stream?.cancel();
      },
    };
  }

  close(): void {
    this.#members.close();
  }

  #call(method: string, request: Buffer): Promise<Buffer> {
    return this.#authorized((metadata) => this.#unary(method, request, metadata));
  }

  /** With a token that may be over: another is asked for once, as nothing was carried out. */
  async #authorized(ask: (metadata: Metadata) => Promise<Buffer>): Promise<Buffer> {
    const login = this.#login();
    try {
      return await ask(await this.#metadata(login));
    } catch (thrown) {
      if (login === undefined || !isTokenRefused(thrown)) throw thrown;
      if (this.#token === login) this.#token = undefined;
      return await ask(await this.#metadata());
    }
  }

  /** That of all calls, done or under way; none without a user. */
  #login(): Promise<string> | undefined {
    if (this.#user !== undefined) this.#token ??= this.#authenticate(this.#user);
    return this.#token;
  }

  async #metadata(login: Promise<string> | undefined = this.#login()): Promise<Metadata> {
    const metadata = new Metadata();
    try {
      const token = (await login) ?? '';
      if (token !== '') metadata.set('token', token);
    } catch (thrown) {
      if (this.#token === login) this.#token = undefined;
      throw thrown;
    }
    return metadata;
  }

  async #authenticate(user: string): Promise<string> {
    try {
      const answer = await this.#unary('Auth/Authenticate', encodeAuthenticate(user, this.#password), new Metadata());
      return this.#decoded(decodeToken, answer);
    } catch (thrown) {
      if (thrown instanceof RefusedByEtcd && /authentication is not enabled/.test(thrown.message)) return '';
      throw thrown;
    }
  }

  #unary(method: string, request: Buffer, metadata: Metadata): Promise<Buffer> {
    const client = this.#client();
    let cancel = (): void => {};
    const answer = new Promise<Buffer>((resolve, reject) => {
      const call = client.makeUnaryRequest(pathOf(method), asIs, asIs, request, metadata, (error, response) => {
        if (error === null) resolve(response!);
        else reject(this.#judge(error, client));
      });
      cancel = () => call.cancel();
    });
    return this.#inTime(method, answer, client, () => cancel());
  }

  /** The first answer of a stream that is asked once. */
  #first(method: string, request: Buffer, metadata: Metadata): Promise<Buffer> {
    const client = this.#client();
    const stream = this.open(client, method, metadata);
    const answer = new Promise<Buffer>((resolve, reject) => {
      let answered = false;
      stream.on('data', (bytes: Buffer) => {
        answered = true;
        resolve(bytes);
        stream.cancel();
      });
      stream.on('error', (error: ServiceError) => {
        if (!answered) reject(this.#judge(error, client));
      });
      stream.on('end', () => reject(this.#unanswered(`${method}: no answer`)));
    });
    stream.write(request);
    return this.#inTime(method, answer, client, () => stream.cancel());
  }

  /** @internal */
  open(
    client: Client,
    method: string,
    metadata: Metadata,
  ): ReturnType<typeof client.makeBidiStreamRequest<Buffer, Buffer>> {
    return client.makeBidiStreamRequest<Buffer, Buffer>(pathOf(method), asIs, asIs, metadata);
  }

  async #inTime(method: string, answer: Promise<Buffer>, client: Client, cancel: () => void): Promise<Buffer> {
    let late = false;
    try {
      return await withTimeout(this.#clock, this.#timeoutMs, answer, () => {
        late = true;
        return this.#unanswered(`${method}: no answer within ${this.#timeoutMs} ms`);
      });
    } finally {
      if (late) {
        cancel();
        this.#members.leave(client);
      }
    }
  }

  #client(): Client {
    const client = this.#members.client();
    if (client === undefined) throw new FairleadError('FAIRLEAD_CLOSED', 'The connection to etcd is closed.');
    return client;
  }

  #judge({ code, details }: ServiceError, client: Client): FairleadError {
    if (UNANSWERED.includes(code)) {
      const error = this.#unanswered(details);
      this.#members.leave(client);
      return error;
    }
    return new RefusedByEtcd(code, `etcd at ${this.address}: ${details}${hint(details, this.#user)}.`);
  }

  #unanswered(what: string): UnansweredEtcd {
    return new UnansweredEtcd('FAIRLEAD_DISCOVERY', `etcd at ${this.address}: ${what}.`);
  }

  #decoded<T>(decode: (bytes: Uint8Array) => T, bytes: Buffer): T {
    try {
      return decode(bytes);
    } catch (thrown) {
      throw this.#unreadable(thrown);
    }
  }

  #unreadable(thrown: unknown): FairleadError {
    return new FairleadError('FAIRLEAD_DISCOVERY', `etcd at ${this.address} answered what is not of its API.`, {
      cause: thrown,
    });
  }
}

function pathOf(method: string): string {
  return `/etcdserverpb.${method}`;
}

/**
 * The token is over, or older than the last change of users and roles, or there was none: the
 * cluster wanted no login when it was asked for one.
 */
function isTokenRefused(thrown: unknown): boolean {
  if (!(thrown instanceof RefusedByEtcd)) return false;
  if (thrown.status === Status.unauthenticated) return true;
  return /revision of auth store is old|user name is empty/.test(thrown.message);
}

function hint(details: string, user: string | undefined): string {
  if (/user name is empty/.test(details)) return '. It wants to know who asks: give `user` and `password`';
  if (/permission denied/.test(details)) {
    return user === undefined ? '. No `user` was given' : '. The role of this user does not cover these keys';
  }
  return '';
}
