import { publishNews } from '../../../src/adapter.js';
import type { Service } from '../../../src/index.js';
import type { PoolStatus } from './status.js';

/** Of a lag: without it the cause is the same for all. */
const BY_SOME_MS = / by \d+ ms/;

/** Where statements go, for logs: what changed since the last time. */
export class RoleNews {
  readonly #service: Service;
  #primary: string | undefined;
  #hadPrimary = false;
  /** Those that reads went to, and whether they do still. */
  readonly #reads = new Map<string, boolean>();

  constructor(service: Service) {
    this.#service = service;
  }

  changed({ primary, servers }: PoolStatus): void {
    const { name } = this.#service;
    if (primary !== this.#primary) {
      if (primary === undefined) publishNews(this.#service, 'error', 'no primary: writes go nowhere', name);
      else if (this.#hadPrimary) publishNews(this.#service, 'warn', `writes go to ${primary} now`, name);
      this.#primary = primary;
      this.#hadPrimary = true;
    }
    const gone = new Set(this.#reads.keys());
    for (const { id, role, read, reason } of servers) {
      gone.delete(id);
      const before = this.#reads.get(id);
      // It served none yet; or writes go there, and reads only for want of replicas.
      if (role === 'primary' || (before === undefined && !read)) this.#reads.delete(id);
      else {
        this.#reads.set(id, read);
        const whom = `${id} of ${name}`;
        if (before === true && !read) {
          publishNews(this.#service, 'warn', `serves no reads: ${reason.replace(BY_SOME_MS, '')}`, whom);
        } else if (before === false && read) publishNews(this.#service, 'info', 'serves reads again', whom);
      }
    }
    for (const id of gone) this.#reads.delete(id);
  }

  /** A caller waits for a connection. */
  full(): void {
    const { name } = this.#service;
    publishNews(this.#service, 'warn', 'all connections to a server are in use: callers wait', name);
  }
}
