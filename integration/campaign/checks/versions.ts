import type { Operation } from '../history.js';
import type { Violation } from '../part.js';

export interface VersionOptions {
  /** Whether the source counts its changes upwards whatever happens to it. */
  readonly keepsState: boolean;
}

/**
 * Documents of a configuration store: `config-put`, whose key is the document's number and whose
 * input says whether it is valid; `config-applied`, whose input has the version's number and the
 * source's revision. Only valid documents come into force, after they were written; versions count up,
 * and so do revisions: an older document never follows a newer one.
 */
export function checkVersions(operations: readonly Operation[], { keepsState }: VersionOptions): Violation[] {
  const violations: Violation[] = [];
  const put = new Map<string, { readonly valid: boolean; readonly atMs: number }>();
  for (const { name, key, input } of operations) {
    if (name === 'config-put') put.set(key, input as { valid: boolean; atMs: number });
  }
  const last = new Map<string, Operation>();
  for (const operation of operations) {
    const { name, key, client, input, invokedMs } = operation;
    if (name !== 'config-applied') continue;
    const before = last.get(client);
    last.set(client, operation);
    const complain = (promise: string, says: string): void => {
      const around = before === undefined ? [operation] : [before, operation];
      violations.push({ promise: `configuration: ${promise}`, says: `${client}: ${says}`, operations: around });
    };
    const written = put.get(key);
    if (written === undefined) complain('a document that was not written came into force', key);
    else if (!written.valid) complain('an invalid document came into force', key);
    else if (written.atMs > invokedMs) complain('a document came into force before it was written', key);
    if (before === undefined) continue;
    const of = ({ input: version }: Operation) => version as { number: number; revision?: string };
    const [was, is] = [of(before), input as { number: number; revision?: string }];
    if (is.number <= was.number) complain('versions do not count up', `${was.number}, then ${is.number}`);
    if (keepsState && Number(is.revision) < Number(was.revision)) {
      complain('an older document followed a newer one', `revision ${was.revision}, then ${is.revision}`);
    }
  }
  return violations;
}
