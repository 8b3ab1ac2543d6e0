// The tests of a mutant, run in Stryker's own child process: modules of src/ are loaded once for
// all mutants, a test's file once for each, and nothing is started. Vitest's own runner for Stryker
// starts a worker for each mutant, which takes seconds; this takes milliseconds. What it costs:
// what a mutant left in module state or in timers, the next one sees. So a process that holds more
// timers or sockets than it began with is thrown away, and `QUALITY_RUNNER=vitest` asks the slow
// way.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { register } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chosenTests } from './chosen-tests.mjs';
import { MutantRunner, WAITS_FOR_EVER } from './mutant-runner.mjs';

const SUCCESS = 0;
/**
 * What a test may take that took nothing before: a machine that is busy with something else, and
 * more so with QUALITY_PATIENCE. One that waits for ever is known by its idleness long before.
 */
const PATIENCE_MS = 6000 * Number(process.env.QUALITY_PATIENCE ?? 1);
/** CPU milliseconds of tests that are not asked, of other rooms and of the room itself. */
const SLOW_MS = 250;
const SLOW_OWN_MS = 800;
/** How often a test is asked without a mutant, to see that it passes in this process. */
const CONTROL_EVERY = 20;
const SETUP = 'test/support/setup.ts';

/** A promise of a turn of the event loop, in which late rejections are told. */
const turn = () => new Promise((done) => setImmediate(done));
const held = () => process.getActiveResourcesInfo().filter((name) => /Timeout|TCP|Immediate|Pipe/.test(name)).length;

class InProcessTestRunner {
  static inject = ['options', 'logger'];
  #log;
  #room = process.env.QUALITY_ROOM ?? '';
  /** Where the dry run notes the CPU milliseconds of each test, for the processes that follow. */
  #notes = process.env.QUALITY_COSTS;
  #costs = {};
  /** The tests that found the last mutants: they may find the next, which lies beside them. */
  #lately = [];
  #namespace;
  #runner;
  #late = [];
  /** When tests were given up that wait for ever. */
  #hangs = [];
  #heldAtFirst;
  #isClean = true;
  #isNew = true;
  #asked = 0;

  constructor(_options, log) {
    this.#log = log;
    this.#namespace = globalThis.__stryker__ ??= {};
  }

  capabilities() {
    return { reloadEnvironment: true };
  }

  async init() {
    register(new URL('./fewer-cases.mjs', import.meta.url));
    process.env.NODE_ENV = 'test';
    process.env.VITEST = 'true';
    this.#runner = await MutantRunner.create();
    process.on('unhandledRejection', (reason) => this.#late.push(String(reason)));
    process.on('uncaughtException', (error) => this.#late.push(String(error)));
    await import(pathToFileURL(resolve(SETUP)).href);
  }

  async dryRun() {
    this.#namespace.activeMutant = undefined;
    const tests = [];
    const costs = existsSync(this.#notes) ? JSON.parse(readFileSync(this.#notes, 'utf8')) : {};
    // What is known to be slow is asked only about its own room.
    const isSlow = (id) => costs[id] > (id.startsWith(`test/${this.#room}`) ? SLOW_OWN_MS : SLOW_MS);
    const beganMs = performance.now();
    for (const file of JSON.parse(process.env.QUALITY_TESTS)) {
      const results = await this.#runner.run(resolve(file), {
        chosen: (id) => !isSlow(id),
        before: (id) => {
          this.#namespace.currentTestId = id;
        },
        after: () => {
          this.#namespace.currentTestId = undefined;
        },
        timeoutMs: 120_000,
      });
      for (const { id, state, cost, message } of results.tests)
        if (state === 'pass') {
          costs[id] = cost;
          if (!isSlow(id)) tests.push({ id, name: id, status: SUCCESS, timeSpentMs: 0, fileName: resolve(file) });
        } else if (state === 'fail') this.#log.warn(`left out, as it fails here: ${id}: ${message}`);
      if (results.error) this.#log.warn(`left out, as it fails here: ${file}: ${results.error}`);
    }
    writeFileSync(this.#notes, JSON.stringify(costs));
    // Stryker adds what the dry run took beside its tests to the time of each mutant: nothing is
    // beside them. What a mutant may take depends on what it is asked with, not on all there is.
    for (const test of tests) test.timeSpentMs = ((performance.now() - beganMs) / tests.length) * 2;
    return { status: 'complete', tests, mutantCoverage: this.#namespace.mutantCoverage ?? { static: {}, perTest: {} } };
  }

  async mutantRun({ testFilter, activeMutant, hitLimit }) {
    if (!this.#isClean) throw new Error('the last mutant left something behind: another process, please');
    this.#heldAtFirst ??= held();
    if (this.#isNew) this.#costs = JSON.parse(readFileSync(this.#notes, 'utf8'));
    this.#isNew = false;
    this.#late.length = 0;
    // Stryker's limit is a hundred times the passes of all tests; ten times is an endless loop too.
    const limit = Math.min(hitLimit, hitLimit / 10 + 1000);
    let ran = 0;
    let verdict;
    let hangs = false;
    let isStuck = false;
    for (const [file, ids] of chosenTests(testFilter, { room: this.#room, costs: this.#costs, lately: this.#lately })) {
      this.#namespace.hitCount = 0;
      this.#namespace.hitLimit = limit;
      const asked = new Set(ids);
      const results = await this.#runner.run(resolve(file), {
        chosen: (id) => asked.has(id),
        bail: true,
        before: () => {
          this.#namespace.activeMutant = activeMutant.id;
        },
        after: () => {},
        timeoutMs: PATIENCE_MS,
      });
      await turn();
      ran += results.tests.length;
      const failed = results.tests.find(({ state }) => state === 'fail');
      hangs = failed?.message === WAITS_FOR_EVER;
      if (hangs) verdict = { status: 'timeout', reason: `${failed.id}: ${failed.message}` };
      else if (this.#namespace.hitCount > limit) verdict = { status: 'timeout', reason: 'an endless loop' };
      else if (failed?.message?.startsWith('Test timed out')) {
        isStuck = true;
        verdict = { status: 'timeout', reason: failed.id };
      } else if (failed)
        verdict = { status: 'killed', killedBy: [failed.id], failureMessage: failed.message ?? '', nrOfTests: ran };
      else if (/Cannot find module/.test(results.error)) throw new Error(results.error);
      else if (results.error)
        verdict = { status: 'killed', killedBy: [ids[0]], failureMessage: results.error, nrOfTests: ran };
      else if (this.#late.length > 0)
        verdict = { status: 'killed', killedBy: [ids[0]], failureMessage: this.#late[0], nrOfTests: ran };
      if (verdict) break;
    }
    const [by] = verdict?.killedBy ?? [];
    if (by) this.#lately = [by, ...this.#lately.filter((id) => id !== by)].slice(0, 12);
    this.#namespace.activeMutant = undefined;
    this.#namespace.hitCount = this.#namespace.hitLimit = undefined;
    await turn();
    // The timer of a test that hangs goes on, and does nothing.
    if (hangs) this.#hangs.push(performance.now());
    this.#hangs = this.#hangs.filter((atMs) => performance.now() - atMs < PATIENCE_MS);
    this.#isClean = !isStuck && this.#late.length === 0 && held() <= this.#heldAtFirst + 2 + this.#hangs.length;
    if (!this.#isClean) this.#log.debug(`another process, as mutant ${activeMutant.id} left something behind`);
    if (hangs || ++this.#asked % CONTROL_EVERY === 0) await this.#control(testFilter);
    return verdict ?? { status: 'survived', nrOfTests: ran };
  }

  /** A test that fails without a mutant, after others, would count as one that finds all mutants. */
  async #control([id]) {
    const [file] = id.split('#');
    const results = await this.#runner.run(resolve(file), {
      chosen: (each) => each === id,
      before: () => {},
      after: () => {},
      timeoutMs: PATIENCE_MS,
    });
    if (results.tests[0]?.state === 'pass') return;
    this.#log.error(`${id} fails without a mutant: ${results.tests[0]?.message ?? results.error}`);
    this.#isClean = false;
    throw new Error('this process fails tests without a mutant: another one, please');
  }

  async dispose() {}
}

export const strykerPlugins = [{ kind: 'TestRunner', name: 'in-process', injectableClass: InProcessTestRunner }];
