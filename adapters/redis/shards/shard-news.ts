import { publishNews } from '../../../src/adapter.js';
import type { Service } from '../../../src/index.js';
import type { ShardState } from './state.js';

interface Changed {
  readonly name: string;
  readonly state: ShardState;
  readonly service: Service;
}

const SAID: Readonly<Partial<Record<ShardState, string>>> = {
  down: 'shard is down',
  demoted: 'shard is demoted: its server is a replica, and takes no writes',
  quarantined: 'shard is in quarantine: it answers, but may be stale',
};

/** What becomes of the shards of one client, for logs. */
export class ShardNews {
  /** Those that are not used, by name. */
  readonly #out = new Set<string>();

  changed({ name, state, service }: Changed): void {
    const text = SAID[state];
    const whom = `${name} of ${service.name}`;
    if (text !== undefined) {
      this.#out.add(name);
      publishNews(service, state === 'quarantined' ? 'warn' : 'error', text, whom);
    } else if (state === 'up' && this.#out.delete(name)) publishNews(service, 'info', 'shard is in use again', whom);
  }
}
