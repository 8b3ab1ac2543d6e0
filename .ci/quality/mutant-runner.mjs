// Vitest's collecting and running of tests without a worker of Vitest: what `expect` and `vi` ask
// of a worker is given to them here.
import { relative } from 'node:path';
import { pathToFileURL } from 'node:url';

const config = {
  root: '',
  name: '',
  setupFiles: [],
  allowOnly: false,
  passWithNoTests: true,
  maxConcurrency: 1,
  testTimeout: 30_000,
  hookTimeout: 30_000,
  retry: 0,
  sequence: { shuffle: false, concurrent: false, seed: 1, hooks: 'stack', setupFiles: 'list' },
  expect: { requireAssertions: false, poll: { timeout: 3000, interval: 10 } },
  chaiConfig: { truncateThreshold: 40 },
  fakeTimers: {},
  tags: [],
  experimental: {},
  snapshotOptions: { updateSnapshot: 'none' },
};

const fullName = (task) => {
  const names = [];
  for (let at = task; at && at !== at.file; at = at.suite) names.unshift(at.name);
  return names.join(' ').trim();
};
const testsOf = (suite) => suite.tasks.flatMap((task) => (task.type === 'suite' ? testsOf(task) : [task]));

// The machine's, where a test has others.
const { setInterval, clearInterval } = globalThis;
const now = performance.now.bind(performance);

/** Each run of a file imports it anew. */
let imports = 0;

/** Looks every 100 ms; so many looks in a row at a process that does nothing are a wait for ever. */
const LOOK_MS = 100;
const IDLE_LOOKS = 20;
/** The message of a test that is given up for it. */
export const WAITS_FOR_EVER = 'it waits for ever';

/**
 * Whether this process waits, and for nothing: it uses no CPU, and not because others use all of
 * it, as its own timer is on time. A test that hangs is known by it long before its time is over.
 */
class Idleness {
  begun;
  #timer;

  constructor() {
    let cpu = process.cpuUsage();
    let atMs = now();
    let looks = 0;
    this.begun = new Promise((_, fail) => {
      this.#timer = setInterval(() => {
        const { user, system } = process.cpuUsage(cpu);
        const nowMs = now();
        const isIdle = user + system < 5_000 && nowMs - atMs < 2 * LOOK_MS;
        looks = isIdle ? looks + 1 : 0;
        if (looks === IDLE_LOOKS) fail(new Error(WAITS_FOR_EVER));
        cpu = process.cpuUsage();
        atMs = nowMs;
      }, LOOK_MS);
    });
  }

  end() {
    clearInterval(this.#timer);
    this.begun.catch(() => {});
  }
}

export class MutantRunner {
  pool = 'forks';
  config = config;
  #start;
  #fnOf;
  #expect;
  #chosen;
  #callbacks;
  #hasFailed = false;
  #bail = false;
  #startedAt;

  static async create() {
    config.root = process.cwd();
    globalThis.__vitest_worker__ = {
      config,
      ctx: { pool: 'forks' },
      environment: { name: 'node' },
      rpc: {},
      durations: {},
      onCleanup: () => {},
      resolvingModules: new Set(),
    };
    const { startTests } = await import('vitest/internal/browser');
    const { expect } = await import('vitest');
    const { getFn } = await import('vitest/suite');
    return new MutantRunner(startTests, expect, getFn);
  }

  constructor(start, expect, fnOf) {
    this.#start = start;
    this.#fnOf = fnOf;
    this.#expect = expect;
  }

  /** The results of one file's tests: of all, or of those chosen up to the first that fails. */
  async run(file, { chosen = () => true, bail = false, before, after, timeoutMs }) {
    this.#chosen = chosen;
    this.#callbacks = { before, after };
    this.#hasFailed = false;
    this.#bail = bail;
    config.testTimeout = config.hookTimeout = timeoutMs;
    const [{ tasks, result }] = await this.#start([file], this);
    const tests = testsOf({ tasks })
      .filter((test) => test.result && test.mode !== 'skip')
      .map((test) => ({
        id: this.#id(test),
        state: test.result.state,
        duration: test.result.duration ?? 0,
        cost: test.cost ?? 0,
        message: test.result.errors?.[0]?.message,
      }));
    return { tests, error: result?.errors?.[0]?.message };
  }

  #id(test) {
    return `${relative(config.root, test.file.filepath)}#${fullName(test)}`;
  }

  importFile(filepath) {
    return import(`${pathToFileURL(filepath).href}?run=${imports++}`);
  }

  /** Leaves out what is not chosen, and the hooks of suites of which nothing is. */
  onCollected(files) {
    const choose = (task) => {
      const isIn = task.type === 'suite' ? task.tasks.map(choose).includes(true) : this.#chosen(this.#id(task));
      if (!isIn) task.mode = 'skip';
      return isIn && task.mode !== 'skip';
    };
    for (const { tasks } of files) for (const task of tasks) choose(task);
    this.#callbacks.before();
  }

  onBeforeRunTask(test) {
    if (this.#hasFailed) test.mode = 'skip';
  }

  onBeforeTryTask(test) {
    globalThis.__vitest_worker__.current = test;
    this.#expect.setState({
      assertionCalls: 0,
      isExpectingAssertions: false,
      isExpectingAssertionsError: null,
      expectedAssertionsNumber: null,
      expectedAssertionsNumberErrorGen: null,
      currentTestName: test.name,
      testPath: test.file.filepath,
    });
    this.#callbacks.before(this.#id(test));
    this.#startedAt = process.cpuUsage();
  }

  async runTask(test) {
    const idle = new Idleness();
    try {
      await Promise.race([this.#fnOf(test)(), idle.begun]);
    } finally {
      idle.end();
    }
  }

  onAfterRunTask(test) {
    this.#callbacks.after();
    if (this.#startedAt) {
      const { user, system } = process.cpuUsage(this.#startedAt);
      test.cost = (user + system) / 1000;
    }
    if (this.#bail && test.result?.state === 'fail') this.#hasFailed = true;
  }

  onTaskUpdate() {}
}
