import pc from 'picocolors';
import type { Load } from './load.js';
import type { Neighbours } from './neighbours/neighbours.js';
import { clip, renderTable } from './table.js';
import type { ServerRow, Watch } from './watch.js';

/** Where the demo shows what happens. */
export interface Screen {
  /** The client works: from now on there is something to show. */
  show(watch: Watch, load: Load, neighbours: Neighbours): void;
  /** Something the demo does. */
  scene(text: string): void;
  /** Something that was noticed. */
  event(text: string): void;
  /** Stops drawing; what comes after is printed below. */
  end(): void;
}

const FRAME_MS = 250;
const PLAIN_MS = 2_000;
const EVENTS_SHOWN = 9;

/** A live table in a terminal, plain lines anywhere else. */
export function createScreen(): Screen {
  return process.stdout.isTTY ? new LiveScreen() : new PlainScreen();
}

const startMs = performance.now();
const clockTime = (): string => `${((performance.now() - startMs) / 1_000).toFixed(1).padStart(5)} s`;

class PlainScreen implements Screen {
  #timer: NodeJS.Timeout | undefined;

  show(watch: Watch, load: Load, neighbours: Neighbours): void {
    this.#timer = setInterval(() => {
      const servers = watch
        .rows()
        .map(
          ({ id, state, callsPerSecond, p99Ms }) => `${id} ${state} ${callsPerSecond.toFixed(0)}/s p99 ${ms(p99Ms)}`,
        );
      this.#print([totals(load), ...servers, ...neighbours.totals].join(' | '));
    }, PLAIN_MS);
  }

  scene(text: string): void {
    this.#print(`== ${text}`);
  }

  event(text: string): void {
    this.#print(`   ${text}`);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #print(text: string): void {
    console.log(`${clockTime()}  ${text}`);
  }
}

class LiveScreen implements Screen {
  readonly #events: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #source: { readonly watch: Watch; readonly load: Load; readonly neighbours: Neighbours } | undefined;
  #drawnLines = 0;

  show(watch: Watch, load: Load, neighbours: Neighbours): void {
    this.#source = { watch, load, neighbours };
    process.stdout.write('\x1b[?25l');
    this.#timer = setInterval(() => this.#draw(), FRAME_MS);
    this.#draw();
  }

  scene(text: string): void {
    this.#add(pc.bold(pc.cyan(text)));
  }

  event(text: string): void {
    this.#add(`  ${text}`);
  }

  end(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#draw();
    process.stdout.write('\x1b[?25h');
  }

  #add(text: string): void {
    const line = `${pc.dim(clockTime())}  ${text}`;
    if (this.#source === undefined) {
      console.log(line);
      return;
    }
    this.#events.push(line);
    this.#draw();
  }

  #draw(): void {
    if (this.#source === undefined) return;
    const { watch, load, neighbours } = this.#source;
    const table = renderTable(COLUMNS, watch.rows().map(cells));
    const { columns = 80, rows = 24 } = process.stdout;
    const beside = neighbours.totals;
    const room = Math.max(1, Math.min(EVENTS_SHOWN, rows - table.length - 6 - beside.length));
    const events = this.#events.slice(-room);
    const lines = ['', ...table, '', totals(load), ...beside.map((line) => pc.dim(line)), '', ...events].map((line) =>
      clip(line, columns - 1),
    );
    const up = this.#drawnLines > 0 ? `\x1b[${this.#drawnLines}A` : '';
    process.stdout.write(`${up}\x1b[J${lines.join('\n')}\n`);
    this.#drawnLines = lines.length;
  }
}

const COLUMNS = [
  { title: 'server', align: 'left' },
  { title: 'state', align: 'left' },
  { title: 'calls/s', align: 'right' },
  { title: 'in flight', align: 'right' },
  { title: 'p50', align: 'right' },
  { title: 'p99', align: 'right' },
  { title: 'errors', align: 'right' },
  { title: '', align: 'left' },
] as const;

const STATE_COLOURS: Readonly<Record<ServerRow['state'], (text: string) => string>> = {
  ready: pc.green,
  probing: pc.yellow,
  unhealthy: pc.red,
  ejected: pc.red,
  draining: pc.yellow,
  gone: pc.dim,
};

function cells(row: ServerRow): string[] {
  const { id, state, note, callsPerSecond, inflight, p50Ms, p99Ms, errors } = row;
  const failed = errors === 0 ? '0' : pc.red(String(errors));
  const rate = callsPerSecond.toFixed(0);
  return [id, STATE_COLOURS[state](state), rate, String(inflight), ms(p50Ms), ms(p99Ms), failed, pc.dim(note)];
}

function totals(load: Load): string {
  const share = load.calls === 0 ? 0 : (100 * load.failed) / load.calls;
  return `${load.failed} of ${load.calls} calls failed (${share.toFixed(2)} %)`;
}

function ms(value: number): string {
  return Number.isNaN(value) ? '–' : `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}
