import type { AdminService, AdminState } from '../state/admin-state.js';
import type { Actions } from './actions.js';
import { go, type Place } from './address.js';
import { Charts } from './charts.js';
import { h, nameOf, replace, say, shown } from './dom.js';
import { EndpointDialog } from './endpoint-dialog.js';
import { type EndpointRow, endpointColumns, matches, stateName } from './endpoints.js';
import { ExplainPanel } from './explain-panel.js';
import { count, ms, percent, rate, span } from './format.js';
import type { Past } from './history.js';
import type { Session } from './session.js';
import { SplitPanel } from './split-panel.js';
import { VirtualTable } from './table.js';

const TILES = ['Calls/s', 'p50', 'p99', 'Errors', 'In flight', 'Usable'] as const;

/** One service: figures, charts, endpoints, split, explain. */
export class ServiceView {
  readonly element: HTMLElement;
  readonly charts: Charts = new Charts();
  readonly dialog: EndpointDialog;
  readonly #session: Session;
  readonly #past: Past;
  readonly #head = h('header', { class: 'title' });
  readonly #tiles = TILES.map((title) => ({ title, value: h('b') }));
  readonly #table: VirtualTable<EndpointRow>;
  readonly #filter: HTMLInputElement;
  readonly #found = h('span', { class: 'dim', role: 'status' });
  readonly #split = new SplitPanel();
  readonly #explain: ExplainPanel;
  #name = '';
  #told = '';

  constructor(session: Session, past: Past, actions: Actions) {
    this.#session = session;
    this.#past = past;
    this.dialog = new EndpointDialog(actions);
    this.#explain = new ExplainPanel(session);
    const now = (): number => session.nowMs;
    this.#table = new VirtualTable<EndpointRow>({
      label: 'Endpoints',
      columns: endpointColumns(now),
      keyOf: ({ id }) => id,
      opened: ({ id, endpoint }) => this.dialog.open_(this.#name, id, endpoint, now()),
      sorted: (sort, descending) => go({ sort, descending }),
    });
    this.#filter = h('input', {
      type: 'search',
      placeholder: 'Filter: name, zone:eu, state:ejected, tag:v2',
      'aria-label': 'Filter endpoints',
      oninput: () => go({ filter: this.#filter.value }),
    });
    const tiles = this.#tiles.map(({ title, value }) => h('div', { class: 'tile' }, h('span', {}, title), value));
    this.element = h(
      'article',
      { class: 'service' },
      this.#head,
      h('div', { class: 'tiles' }, ...tiles),
      this.charts.element,
      h('div', { class: 'bar' }, h('h2', {}, 'Endpoints'), this.#found, this.#filter),
      this.#table.element,
      h('div', { class: 'panels' }, this.#split.element, this.#explain.element),
    );
  }

  update(name: string, { services, parts }: AdminState, { filter, sort, descending }: Place): void {
    const service = services[name]!;
    this.#name = name;
    this.#heading(name, service);
    const usable = `${service.ready} / ${Object.values(service.endpoints).filter(({ listed }) => listed).length}`;
    const values = [rate(service.rate), ms(service.p50Ms), ms(service.p99Ms), percent(service.failureRatio)];
    [...values, count(service.inflight), usable].forEach((text, i) => {
      say(this.#tiles[i]!.value, text);
    });
    this.#tiles[3]!.value.classList.toggle('bad', (service.failureRatio ?? 0) >= 0.01);
    this.charts.update(this.#past.of(name));
    if (this.#filter.value !== filter && document.activeElement !== this.#filter) this.#filter.value = filter;
    const all = Object.entries(service.endpoints).map(([id, endpoint]): EndpointRow => ({ id, endpoint }));
    const rows = filter === '' ? all : all.filter((row) => matches(row, filter));
    say(this.#found, rows.length === all.length ? `${all.length}` : `${rows.length} of ${all.length}`);
    this.#table.update(rows, sort, descending);
    this.#split.update(service.split);
    this.#explain.use(name, parts);
    const open = this.dialog.shown;
    const endpoint = open?.service === name ? service.endpoints[open.id] : undefined;
    if (endpoint !== undefined) this.dialog.update(endpoint, this.#session.nowMs);
  }

  #heading(name: string, service: AdminService): void {
    const { policy, panic, removed, closed, source, seenAtMs, discoveryError, endpoints } = service;
    const age = seenAtMs === undefined ? 'never seen' : `${span(this.#session.nowMs - seenAtMs)} ago`;
    const states = new Map<string, number>();
    for (const endpoint of Object.values(endpoints)) {
      const state = stateName(endpoint);
      if (state !== 'ready') states.set(state, (states.get(state) ?? 0) + 1);
    }
    const chips = [
      h('span', { class: 'chip', title: 'Policy' }, policy),
      h(
        'span',
        {
          class: `chip ${discoveryError === undefined ? '' : 'warn'}`,
          title: 'Where the list is from, and how old it is',
        },
        `${shown(source)} · ${age}`,
      ),
      panic && h('span', { class: 'chip bad' }, 'panic: health is ignored'),
      closed && h('span', { class: 'chip bad' }, 'closed'),
      removed !== undefined && h('span', { class: 'chip bad' }, shown(removed)),
      ...[...states].map(([state, n]) =>
        h(
          'button',
          { type: 'button', class: `chip ${state}`, onclick: () => go({ filter: `state:${state}` }) },
          `${n} ${state}`,
        ),
      ),
    ];
    const told = chips.map((chip) => (chip === false ? '' : chip.textContent)).join('|') + name;
    if (told === this.#told) return;
    this.#told = told;
    replace(
      this.#head,
      h('h1', {}, nameOf(name)),
      h('div', { class: 'chips' }, ...chips),
      discoveryError !== undefined && h('p', { class: 'bad' }, `Discovery: ${shown(discoveryError)}`),
    );
  }
}
