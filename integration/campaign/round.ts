import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClientProcess } from './client-process.js';
import { ClientHistory, nowMs, type ReadHistory, readHistory } from './history.js';
import {
  type CampaignPart,
  CLIENT_STARVED,
  type Fault,
  type FaultSpan,
  type PartWorld,
  type Schedule,
  STARVED,
  type Violation,
} from './part.js';

export interface RoundResult {
  readonly schedule: Schedule;
  readonly violations: readonly Violation[];
  readonly operations: ReadHistory['operations'];
  readonly faults: readonly FaultSpan[];
}

/** Longer than any deadline of a client, also where the machine has much else to do. */
const STOPS_WITHIN_MS = 40_000;
const READS_WITHIN_MS = 60_000;
const ENDS_WITHIN_MS = 20_000;
const STARTS_WITHIN_MS = 90_000;

/** How often it is looked whether the machine lets this process run, and how late is too late; ms. */
const LOOK_MS = 20;
const STARVED_MS = 200;

/**
 * One round: a schedule over real servers, its history, and what was wrong with it. Of a round that
 * failed the whole history stays in `keepIn`.
 */
export async function runRound(part: CampaignPart, schedule: Schedule, keepIn?: string): Promise<RoundResult> {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-campaign-'));
  const history = join(folder, 'history');
  mkdirSync(history);
  try {
    await using world = await part.start(schedule);
    const result = await new Round(part, schedule, world, history).run();
    if (result.violations.length > 0 && keepIn !== undefined) {
      const kept = join(keepIn, `${part.name}-${schedule.seed}`);
      cpSync(history, kept, { recursive: true });
      const { faults, violations } = result;
      writeFileSync(join(kept, 'faults.json'), JSON.stringify({ schedule, faults, violations }, undefined, 1));
    }
    return result;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

class Round {
  readonly #part: CampaignPart;
  readonly #schedule: Schedule;
  readonly #world: PartWorld;
  readonly #folder: string;
  readonly #clients: ClientProcess[] = [];
  readonly #spans: FaultSpan[] = [];
  readonly #violations: Violation[] = [];
  /** How often each client was begun anew. */
  readonly #lives: number[] = [];
  /** The last fault of each group and target. */
  readonly #places = new Map<string, Promise<void>>();
  #watch: NodeJS.Timeout | undefined;
  #lookedMs = Number.POSITIVE_INFINITY;

  constructor(part: CampaignPart, schedule: Schedule, world: PartWorld, folder: string) {
    this.#part = part;
    this.#schedule = schedule;
    this.#world = world;
    this.#folder = folder;
  }

  async run(): Promise<RoundResult> {
    const { clients, faults } = this.#schedule;
    try {
      for (let i = 0; i < clients; i++) this.#begin(i);
      for (const client of this.#clients) await this.#expect(client, 'ready', STARTS_WITHIN_MS);
      const beganMs = performance.now();
      this.#watch = setInterval(() => this.#look(), LOOK_MS);
      await Promise.all(faults.map((fault) => this.#fault(fault, beganMs)));
      await sleep(Math.max(0, this.#schedule.lastsMs - (performance.now() - beganMs)));
      try {
        await this.#world.heal();
      } catch (error) {
        this.#violate('world: not well after the last fault', String(error));
      }
      await this.#quiet();
    } finally {
      clearInterval(this.#watch);
      await Promise.all(this.#clients.map((client) => client.kill()));
    }
    const { operations, complaints, delays } = readHistory(this.#folder);
    for (const { client, fromMs, overMs } of delays) {
      const target = Number.parseInt(client.slice(1), 10);
      this.#spans.push({ kind: CLIENT_STARVED, target, atMs: 0, lastsMs: overMs - fromMs, beganMs: fromMs, overMs });
    }
    const record = { schedule: this.#schedule, operations, faults: this.#spans };
    const complained = complaints.map(({ client, says }) => ({
      promise: says.split(/ [{["]/)[0]!,
      says: `${client}: ${says}`,
    }));
    const violations = [...this.#violations, ...complained, ...this.#part.check(record)];
    return { schedule: this.#schedule, violations, operations, faults: this.#spans };
  }

  /** A machine that keeps this process from running keeps servers and clients from it, too. */
  #look(): void {
    const lastMs = this.#lookedMs;
    this.#lookedMs = nowMs();
    if (this.#lookedMs - lastMs < STARVED_MS) return;
    const span = { kind: STARVED, target: 0, atMs: 0, lastsMs: this.#lookedMs - lastMs };
    this.#spans.push({ ...span, beganMs: lastMs, overMs: this.#lookedMs });
  }

  #begin(index: number): void {
    const life = this.#lives[index] ?? 0;
    this.#lives[index] = life + 1;
    const { seed, options, workers, keys } = this.#schedule;
    const name = `c${index}${life === 0 ? '' : `.${life}`}`;
    this.#clients[index] = new ClientProcess({
      module: this.#part.client,
      folder: this.#folder,
      name,
      seed: seed * 100 + index * 10 + life,
      options,
      world: this.#world.clients,
      workers,
      keys,
    });
  }

  /** Once all faults are over: all that a client asked for has to end, and the client too. */
  async #quiet(): Promise<void> {
    for (const client of this.#clients) await this.#expect(client, 'ready', STARTS_WITHIN_MS);
    for (const client of this.#clients) client.order({ order: 'stop' });
    for (const client of this.#clients) await this.#expect(client, 'stopped', STOPS_WITHIN_MS);
    for (const client of this.#clients) {
      client.order({ order: 'final' });
      await this.#expect(client, 'final', READS_WITHIN_MS);
    }
    for (const client of this.#clients) client.order({ order: 'end' });
    for (const client of this.#clients) {
      await this.#expect(client, 'ended', ENDS_WITHIN_MS);
      if (!(await client.ends(ENDS_WITHIN_MS))) this.#violate('client: its process does not end', client.task.name);
      if (client.stderr.trim() !== '') this.#violate('client: wrote to standard error', client.stderr);
    }
    try {
      await this.#world.finish?.(new ClientHistory(this.#folder, 'servers'));
    } catch (error) {
      this.#violate('world: not well in the end', String(error));
    }
    this.#spans.push(...(this.#world.measured ?? []));
  }

  async #expect(client: ClientProcess, what: string, withinMs: number): Promise<void> {
    if (await client.says(what, withinMs)) return;
    this.#violate(`client: not ${what} in time`, `${client.task.name}: not '${what}' after ${withinMs} ms`);
  }

  #violate(promise: string, says: string): void {
    this.#violations.push({ promise, says });
  }

  async #fault(fault: Fault, beganMs: number): Promise<void> {
    await sleep(Math.max(0, fault.atMs - (performance.now() - beganMs)));
    // Several targets may be one client: who is killed twice at a time begins twice.
    const target = fault.group === 'client' ? fault.target % this.#clients.length : fault.target;
    const place = `${fault.group} ${target}`;
    const before = fault.group === undefined ? undefined : this.#places.get(place);
    const after = (before ?? Promise.resolve()).then(() => this.#make(fault));
    this.#places.set(place, after);
    await after;
  }

  async #make(fault: Fault): Promise<void> {
    const begins = nowMs();
    const own = this.#clientFault(fault);
    const end = own ? await own() : await this.#world.begin(fault);
    await sleep(fault.lastsMs);
    await end();
    this.#spans.push({ ...fault, beganMs: begins, overMs: nowMs() });
  }

  #clientFault({ kind, target, lastsMs }: Fault): (() => Promise<() => Promise<void>>) | undefined {
    const client = (): ClientProcess => this.#clients[target % this.#clients.length]!;
    if (kind === 'client-kill') {
      return async () => {
        await client().kill();
        return async () => this.#begin(target % this.#clients.length);
      };
    }
    if (kind === 'client-pause') {
      return async () => {
        const paused = client();
        paused.pause();
        return async () => paused.resume();
      };
    }
    if (kind === 'client-busy') {
      return async () => {
        client().order({ order: 'busy', ms: lastsMs });
        return async () => {};
      };
    }
    return undefined;
  }
}
