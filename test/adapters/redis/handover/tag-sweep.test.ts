import { ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import type { TagClaim, TagLock } from '../../../../adapters/redis/handover/tag-lock.js';
import { TagSweep } from '../../../../adapters/redis/handover/tag-sweep.js';
import { settle } from '../fakes.js';

/** A server with keys, in pages of two; another client may hold the lock, or note what it did. */
class FakeTags {
  keys: readonly string[];
  /** As they were: a scan returns what was there all the time. */
  readonly #all: readonly string[];
  passes = 0;
  taken = false;
  readonly noted = new Set<string>();
  readonly lock = this as unknown as TagLock;
  error: Error | undefined;

  constructor(keys: readonly string[]) {
    this.keys = keys;
    this.#all = keys;
  }

  async claim(tags: readonly string[]): Promise<TagClaim> {
    if (this.error !== undefined) throw this.error;
    return { mine: !this.taken, clean: tags.filter((tag) => this.noted.has(tag)) };
  }

  async find(cursor: string, tags: readonly string[]): Promise<readonly [string, readonly Buffer[]]> {
    if (cursor === '0') this.passes++;
    const at = Number(cursor);
    const page = this.#all.slice(at, at + 2).filter((key) => tags.some((tag) => key.startsWith(`{${tag}}`)));
    return [at + 2 >= this.#all.length ? '0' : String(at + 2), page.map((key) => Buffer.from(key))];
  }

  async finish(tags: readonly string[]): Promise<void> {
    for (const tag of tags) this.noted.add(tag);
  }
}

const start = (tags: FakeTags, shared = true, ready: () => Promise<void> = async () => {}) => {
  const clock = new ManualClock();
  const stop = new AbortController();
  const bring = async (key: Buffer): Promise<void> => {
    if (key.includes('large')) throw new Error('too large');
    tags.keys = tags.keys.filter((each) => each !== key.toString());
  };
  const sweep = new TagSweep({ clock, random: seededRandom(1), ready, bring }, tags.lock, shared, stop.signal);
  return { clock, sweep, stop };
};

const stateOf = (promise: Promise<void>): { is: string } => {
  const state = { is: 'waits' };
  promise.then(
    () => {
      state.is = 'done';
    },
    (error: Error) => {
      state.is = error.message;
    },
  );
  return state;
};

describe('the keys of a tag', () => {
  it('are brought, all of them and no others, by one pass for all tags that are wanted', async () => {
    const tags = new FakeTags(['{a}1', '{b}1', 'c', '{a}2', '{b}2']);
    const { sweep } = start(tags);
    await Promise.all([sweep.want('a'), sweep.want('a')]);
    expect(tags.keys).toEqual(['{b}1', 'c', '{b}2']);
    expect(tags.passes).toBe(1);
    await Promise.all([sweep.want('b'), sweep.want('none')]);
    expect(tags.keys).toEqual(['c']);
    expect(tags.passes).toBe(2);
    expect([...tags.noted]).toEqual(['a', 'b', 'none']);
  });

  it('are not looked for before it is time', async () => {
    const tags = new FakeTags(['{a}1']);
    let begin: () => void = () => {};
    const { sweep } = start(tags, true, () => new Promise((resolve) => (begin = resolve)));
    const state = stateOf(sweep.want('a'));
    await settle();
    expect([state.is, tags.passes]).toEqual(['waits', 0]);
    begin();
    await settle();
    expect([state.is, tags.passes]).toEqual(['done', 1]);
  });

  it('that another client has brought are not looked for again', async () => {
    const tags = new FakeTags(['{a}1', '{b}1']);
    tags.noted.add('a');
    const { sweep } = start(tags);
    await sweep.want('a');
    expect(tags.passes).toBe(0);
  });

  it('are left to a client that looks for some, and asked about until it is done', async () => {
    const tags = new FakeTags(['{a}1']);
    tags.taken = true;
    const { sweep, clock } = start(tags);
    const state = stateOf(sweep.want('a'));
    await clock.advanceAsync(1_000);
    expect([state.is, tags.passes]).toEqual(['waits', 0]);
    tags.taken = false;
    await clock.advanceAsync(250);
    await settle();
    expect([state.is, tags.passes]).toEqual(['done', 1]);
  });

  it('are looked for by each client where nothing is noted', async () => {
    const tags = new FakeTags(['{a}1']);
    tags.taken = true;
    tags.noted.add('a');
    const { sweep } = start(tags, false);
    await sweep.want('a');
    expect([tags.passes, tags.keys]).toEqual([1, []]);
  });

  it('of which one cannot be brought fail, are not noted, and are looked for again', async () => {
    const tags = new FakeTags(['{a}large', '{a}1', '{b}1']);
    const { sweep } = start(tags);
    const states = [stateOf(sweep.want('a')), stateOf(sweep.want('b'))];
    await settle();
    expect(states.map(({ is }) => is)).toEqual(['too large', 'done']);
    expect([...tags.noted]).toEqual(['b']);
    const again = stateOf(sweep.want('a'));
    await settle();
    expect([again.is, tags.passes]).toEqual(['too large', 2]);
  });

  it('fail where the shard cannot be asked, and do not where it can be again', async () => {
    const tags = new FakeTags(['{a}1']);
    tags.error = new Error('down');
    const { sweep } = start(tags);
    await expect(sweep.want('a')).rejects.toThrow('down');
    tags.error = undefined;
    await sweep.want('a');
    expect(tags.keys).toEqual([]);
  });

  it('are wanted no more when the topology changes', async () => {
    const tags = new FakeTags(['{a}1']);
    tags.taken = true;
    const { sweep, stop, clock } = start(tags);
    const state = stateOf(sweep.want('a'));
    await settle();
    stop.abort();
    await settle();
    expect([state.is, tags.passes, clock.pending]).toEqual(['done', 0, 0]);
    await sweep.ended();
  });
});
