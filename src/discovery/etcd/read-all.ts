import { FairleadError } from '../../runtime/errors.js';
import { type EtcdCalls, type EtcdEntry, type EtcdHeader, type EtcdRange, RefusedByEtcd, Status } from './calls.js';

/** Keys a page: at a kilobyte each a page is an eighth of what is accepted at once. */
const PAGE_KEYS = 2_000;

/** Keys a page where etcd or we refuse one as too large: values of up to etcd's own limit fit. */
const SMALL_PAGE_KEYS = 20;

export interface RangeState {
  readonly header: EtcdHeader;
  readonly entries: readonly EtcdEntry[];
}

/**
 * A range as of one revision, page by page. Rejects where it has more than `maxKeys` keys: no more
 * are held in memory. A revision that is compacted between two pages is read anew once.
 */
export async function readAll(calls: EtcdCalls, range: EtcdRange, maxKeys: number): Promise<RangeState> {
  try {
    return await readPages(calls, range, maxKeys, PAGE_KEYS);
  } catch (thrown) {
    if (!(thrown instanceof RefusedByEtcd)) throw thrown;
    if (thrown.status === Status.outOfRange) return await readPages(calls, range, maxKeys, PAGE_KEYS);
    if (thrown.status === Status.resourceExhausted) return await readPages(calls, range, maxKeys, SMALL_PAGE_KEYS);
    throw thrown;
  }
}

async function readPages(calls: EtcdCalls, range: EtcdRange, maxKeys: number, limit: number): Promise<RangeState> {
  const entries: EtcdEntry[] = [];
  let first: EtcdHeader | undefined;
  let after = '';
  for (;;) {
    const page = await calls.page({ ...range, after, limit, revision: first?.revision ?? 0n });
    first ??= page.header;
    for (const entry of page.entries) entries.push(entry);
    if (entries.length > maxKeys) {
      throw refused(calls, `more than ${maxKeys} keys begin with '${range.key}' (maxKeys)`);
    }
    if (!page.more || !range.prefix) return { header: first, entries };
    const last = page.entries.at(-1)?.key ?? '';
    if (last === after) throw refused(calls, `the list of '${range.key}' does not go on after '${after}'`);
    after = last;
  }
}

function refused(calls: EtcdCalls, what: string): FairleadError {
  return new FairleadError('FAIRLEAD_DISCOVERY', `etcd at ${calls.address}: ${what}.`);
}
