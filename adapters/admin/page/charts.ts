import uPlot from 'uplot';
import { h, say } from './dom.js';
import { count, ms, percent, rate } from './format.js';
import type { Series } from './history.js';

interface Line {
  readonly of: keyof Series;
  readonly label: string;
  /** A variable of the style. */
  readonly color: string;
  readonly fill?: boolean;
}

interface ChartSpec {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly format: (value: number | undefined) => string;
  readonly least?: number;
}

const CHARTS: readonly ChartSpec[] = [
  { title: 'Calls per second', lines: [{ of: 'rate', label: 'rate', color: '--blue', fill: true }], format: rate },
  {
    title: 'Latency',
    lines: [
      { of: 'p50', label: 'p50', color: '--blue' },
      { of: 'p90', label: 'p90', color: '--violet' },
      { of: 'p99', label: 'p99', color: '--orange' },
    ],
    format: ms,
  },
  {
    title: 'Errors',
    lines: [{ of: 'errors', label: 'errors', color: '--red', fill: true }],
    format: (value) => (value === undefined ? percent(undefined) : percent(value / 100)),
    least: 1,
  },
  { title: 'In flight', lines: [{ of: 'inflight', label: 'in flight', color: '--green', fill: true }], format: count },
];

const HEIGHT = 132;
/** So much is shown, where there is so much. */
const WINDOW_S = 300;

/** The four charts of one service. */
export class Charts {
  readonly element: HTMLElement = h('div', { class: 'charts' });
  readonly #cells: readonly ChartCell[];

  constructor() {
    this.#cells = CHARTS.map((spec) => new ChartCell(spec));
    this.element.append(...this.#cells.map((cell) => cell.element));
  }

  update(series: Series): void {
    for (const cell of this.#cells) cell.update(series);
  }

  /** Colours are another's: the theme changed. */
  redraw(): void {
    for (const cell of this.#cells) cell.redraw();
  }
}

class ChartCell {
  readonly element: HTMLElement;
  readonly #spec: ChartSpec;
  readonly #plot = h('div', { class: 'plot' });
  readonly #legend = h('p', { class: 'legend' });
  readonly #values: readonly HTMLElement[];
  #chart: uPlot | undefined;
  #series: Series | undefined;
  #width = 0;

  constructor(spec: ChartSpec) {
    this.#spec = spec;
    this.#values = spec.lines.map(() => h('b'));
    spec.lines.forEach(({ label, color }, i) => {
      const key = spec.lines.length > 1 ? h('span', { class: `key ${color.slice(2)}` }, label) : undefined;
      this.#legend.append(h('span', {}, ...(key === undefined ? [] : [key, ' ']), this.#values[i]!));
    });
    this.#plot.setAttribute('role', 'img');
    this.element = h(
      'section',
      { class: 'chart' },
      h('header', {}, h('h2', { class: 'small' }, spec.title), this.#legend),
      this.#plot,
    );
    new ResizeObserver(([entry]) => this.#resize(entry!.contentRect.width)).observe(this.#plot);
  }

  update(series: Series): void {
    this.#series = series;
    const latest = this.#spec.lines.map(({ of }) => series[of].at(-1) ?? undefined);
    latest.forEach((value, i) => {
      say(this.#values[i]!, this.#spec.format(value));
    });
    const words = this.#spec.lines.map(({ label }, i) => `${label} ${this.#spec.format(latest[i])}`);
    this.#plot.setAttribute('aria-label', `${this.#spec.title}, now: ${words.join(', ')}`);
    if (this.#chart === undefined) this.#draw();
    else this.#chart.setData(this.#data());
  }

  redraw(): void {
    this.#chart?.destroy();
    this.#chart = undefined;
    this.#draw();
  }

  #resize(width: number): void {
    this.#width = Math.floor(width);
    if (this.#chart === undefined) this.#draw();
    else this.#chart.setSize({ width: this.#width, height: HEIGHT });
  }

  #data(): uPlot.AlignedData {
    const series = this.#series!;
    return [series.at, ...this.#spec.lines.map(({ of }) => series[of])] as uPlot.AlignedData;
  }

  #draw(): void {
    if (this.#width < 40 || this.#series === undefined) return;
    // What it stands for in this theme: a canvas knows nothing of names.
    const color = (name: string): string => {
      this.#plot.style.color = `var(${name})`;
      return getComputedStyle(this.#plot).color;
    };
    const axis = {
      stroke: color('--dim'),
      font: '11px Inter, system-ui, sans-serif',
      grid: { stroke: color('--line'), width: 1 },
      ticks: { show: false },
    };
    const { least = 0 } = this.#spec;
    this.#chart = new uPlot(
      {
        width: this.#width,
        height: HEIGHT,
        padding: [6, 24, 0, 0],
        cursor: { show: false },
        legend: { show: false },
        scales: {
          x: { range: (_, from, to) => [Math.max(from, to - WINDOW_S), Math.max(to, from + 30)] },
          y: { range: (_, __, to) => [0, Math.max(least, (to ?? 0) * 1.15) || 1] },
        },
        axes: [
          { ...axis, grid: { show: false }, size: 22, space: 80, values: (_, ticks) => ticks.map(timeOf) },
          { ...axis, size: 52, space: 28, values: (_, ticks) => ticks.map((tick) => this.#spec.format(tick)) },
        ],
        series: [
          {},
          ...this.#spec.lines.map((line) => ({
            stroke: color(line.color),
            width: 1.5,
            points: { show: false },
            ...(line.fill === true && { fill: color(line.color).replace(')', ' / 12%)').replaceAll(',', '') }),
          })),
        ],
      },
      this.#data(),
      this.#plot,
    );
  }
}

function timeOf(seconds: number): string {
  return new Date(seconds * 1_000).toLocaleTimeString(undefined, { hour12: false });
}
