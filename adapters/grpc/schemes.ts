import { type ChannelOptions, experimental } from '@grpc/grpc-js';
import { FairleadError } from '../../src/index.js';

/** Answers for the targets of one scheme. */
export interface SchemeOwner {
  resolver(
    uri: experimental.GrpcUri,
    listener: experimental.ResolverListener,
    options: ChannelOptions,
  ): experimental.Resolver;
  /**
   * Asked while a channel is made, before the proxy of the environment is considered, and for every
   * connection.
   */
  authority(uri: experimental.GrpcUri): string;
}

/**
 * What all copies of fairlead in a process know of one copy of grpc-js, which keeps one registry of
 * schemes and policies and cannot forget: who may use which scheme is decided here. Copies of other
 * versions read it as well.
 */
interface Shared {
  /** Undefined: of a scheme that was in use before. */
  readonly owners: Map<string, SchemeOwner | undefined>;
  /** How many copies there are. */
  copies: number;
  /** Whether streams that are destroyed end their calls, of all these schemes. */
  endsStreams: boolean;
}

const KEY: unique symbol = Symbol.for('fairlead.grpc.schemes');

const shared = sharedBy(globalThis as { [KEY]?: WeakMap<object, Shared> });

function sharedBy(process: { [KEY]?: WeakMap<object, Shared> }): Shared {
  process[KEY] ??= new WeakMap();
  const known = process[KEY].get(experimental);
  if (known !== undefined) return known;
  const made: Shared = { owners: new Map(), copies: 0, endsStreams: false };
  process[KEY].set(experimental, made);
  return made;
}

/** The name of this copy's policy. In service configs of users it is `fairlead` for each copy. */
export const POLICY_NAME: string = ++shared.copies === 1 ? 'fairlead' : `fairlead_${shared.copies}`;

/** Whether targets of this scheme are, or were, fairlead's. */
export function isScheme(scheme: string): boolean {
  return shared.owners.has(scheme);
}

/** True once for all copies. */
export function mayEndStreams(): boolean {
  const may = !shared.endsStreams;
  shared.endsStreams = true;
  return may;
}

/**
 * The returned function frees the scheme for another owner. Throws FAIRLEAD_CONFLICT where there is
 * one.
 */
export function own(scheme: string, owner: SchemeOwner): () => void {
  if (shared.owners.get(scheme) !== undefined) {
    throw new FairleadError(
      'FAIRLEAD_CONFLICT',
      `The scheme '${scheme}' is registered already: close() that registration first, or give this one another scheme.`,
    );
  }
  makeKnown(scheme);
  shared.owners.set(scheme, owner);
  return () => {
    if (shared.owners.get(scheme) === owner) shared.owners.set(scheme, undefined);
  };
}

/** Makes grpc-js ask for the scheme's owner, by which copy of fairlead does not matter. */
export function makeKnown(scheme: string): void {
  experimental.registerResolver(scheme, resolverClass(scheme));
}

function ownerOf(scheme: string): SchemeOwner {
  const owner = shared.owners.get(scheme);
  if (owner !== undefined) return owner;
  throw new FairleadError(
    'FAIRLEAD_CLOSED',
    `The scheme '${scheme}' is not registered: call registerGrpc(mesh) before a client of it is made.`,
  );
}

/** grpc-js asks the class for the authority, so each scheme gets its own class. */
function resolverClass(scheme: string): Parameters<typeof experimental.registerResolver>[1] {
  return class implements experimental.Resolver {
    readonly #resolver: experimental.Resolver;

    constructor(uri: experimental.GrpcUri, listener: experimental.ResolverListener, options: ChannelOptions) {
      this.#resolver = ownerOf(scheme).resolver(uri, listener, options);
    }

    static getDefaultAuthority(uri: experimental.GrpcUri): string {
      return ownerOf(scheme).authority(uri);
    }

    updateResolution(): void {
      this.#resolver.updateResolution();
    }

    destroy(): void {
      this.#resolver.destroy();
    }
  };
}
