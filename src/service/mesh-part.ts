import type { Endpoint } from '../endpoint/endpoint.js';
import { toError } from '../runtime/errors.js';
import type { Service } from './contract.js';

/**
 * Contract: something that an adapter made over a mesh (a registration, a pool, a client), as the
 * mesh knows it. What it throws, or rejects with, is reported as a process warning.
 */
export interface MeshPart {
  /** Which adapter made it: `mysql`. */
  readonly kind: string;
  /** What it is for, for displays: a service, a scheme. */
  readonly name: string;
  /** Numbers by name, as of now, for displays. Cheap: called on every look. */
  figures?(): Readonly<Record<string, number>>;
  /**
   * What it looks like beyond numbers, as plain values: servers with their roles, shards with their
   * states. Called while somebody looks at it.
   */
  topology?(): object;
  /**
   * Endpoints of the service that it wants to be connected to and cannot be: no call is sent there,
   * so no call says so. For displays and alerts; the service itself goes on offering them. Cheap:
   * called on every look.
   */
  unreachable?(service: Service): ReadonlyMap<Endpoint, Unreachable>;
  /** What it would do with something that is put to it, and why. */
  readonly explains?: PartExplainer;
  /**
   * Takes no new work, and resolves when the work in progress has ended, which it sees to within
   * `deadlineMs`. Called by `mesh.close()` beside the closing of the services.
   */
  drain?(deadlineMs: number): Promise<void>;
  /**
   * Releases what it holds. Called by `mesh.close()` at the end. A part without it outlives the
   * mesh and is ended by its owner. Idempotent.
   */
  close?(): void;
}

/** What is known of an endpoint that cannot be connected to. */
export interface Unreachable {
  /** What the last attempt said. */
  readonly reason: string;
  /** Time of the mesh's clock; milliseconds. */
  readonly sinceMs: number;
}

/** How a part is asked what it would do: for forms and commands. */
export interface PartExplainer {
  /** What it is asked by, in the order of a form: `sql`, or `method`, `host`, `path`. */
  readonly fields: readonly string[];
  /** Whether headers matter to it. */
  readonly takesHeaders: boolean;
  /**
   * Plain values; an `Explanation` among them is called `explanation`. Fields that were left empty
   * are not there. Sends nothing and changes nothing. Throws a FairleadError for what it cannot
   * read.
   */
  explain(asked: PartQuestion): object;
}

export interface PartQuestion {
  readonly values: Readonly<Record<string, string>>;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** An adapter's part that fails to end keeps nothing else from ending. */
export async function endPart({ kind, name }: MeshPart, run: () => Promise<void> | void | undefined): Promise<void> {
  try {
    await run();
  } catch (thrown) {
    process.emitWarning(`The ${kind} part '${name}' failed to end: ${toError(thrown).message}`, {
      type: 'FairleadWarning',
      code: 'FAIRLEAD_PART',
    });
  }
}
