import type { Explanation } from '../../../src/index.js';
import { h, nameOf, replace, shown } from './dom.js';
import { digits, NONE } from './format.js';
import type { Session } from './session.js';

const MAX_ROWS = 60;

/** Asks the process which endpoint a call would get now, and why. */
export class ExplainPanel {
  readonly element: HTMLElement;
  readonly #answer = h('div', { class: 'answer', 'aria-live': 'polite' });
  readonly #session: Session;
  #service = '';

  constructor(session: Session) {
    this.#session = session;
    const key = h('input', { name: 'key', placeholder: 'user-42', autocomplete: 'off' });
    const labels = h('input', { name: 'labels', placeholder: 'version: 2', autocomplete: 'off' });
    const ask = (event: Event): void => {
      event.preventDefault();
      this.#ask(key.value, labels.value);
    };
    const form = h(
      'form',
      { class: 'fields', onsubmit: ask },
      h('label', {}, 'Key', key),
      h('label', {}, 'Header', labels),
      h('button', { type: 'submit' }, 'Explain'),
    );
    const what = h('p', { class: 'dim' }, 'Which endpoint would a call get now, and why? It changes nothing.');
    this.element = h(
      'section',
      { class: 'panel' },
      h('h2', { class: 'small' }, 'Why this endpoint'),
      what,
      form,
      this.#answer,
    );
  }

  use(service: string): void {
    if (service === this.#service) return;
    this.#service = service;
    replace(this.#answer);
  }

  #ask(key: string, labels: string): void {
    const query = new URLSearchParams({ service: this.#service });
    if (key !== '') query.set('key', key);
    if (labels.includes(':')) query.set('label', labels);
    this.#session.get<Explanation>(`explain?${query}`).then(
      (explanation) => this.#show(explanation),
      (error: Error) => replace(this.#answer, h('p', { class: 'bad' }, error.message)),
    );
  }

  #show(explanation: Explanation): void {
    const { chosen, refused, candidates, drew, policy, by } = explanation;
    const said =
      chosen === undefined
        ? h('p', {}, refused === undefined ? `${policy} does not say whom it would choose.` : shown(refused.message))
        : h('p', {}, nameOf(chosen, 'chosen'), ` by ${by === 'policy' ? policy : by}${this.#more(explanation)}`);
    const rank = (id: string): number => (id === chosen ? 0 : drew.includes(id) ? 1 : 2);
    const rows = [...candidates]
      .sort(
        (a, b) =>
          rank(a.endpoint) - rank(b.endpoint) || Number(a.excluded !== undefined) - Number(b.excluded !== undefined),
      )
      .slice(0, MAX_ROWS)
      .map(({ endpoint, excluded, cost, parts }) =>
        h(
          'tr',
          { class: endpoint === chosen ? 'chosen' : excluded === undefined ? '' : 'out' },
          h('td', {}, nameOf(endpoint)),
          h('td', {}, excluded ?? (endpoint === chosen ? 'chosen' : drew.includes(endpoint) ? 'drawn' : 'candidate')),
          h('td', { class: 'number' }, cost === undefined ? NONE : digits(cost)),
          h(
            'td',
            {},
            Object.entries(parts)
              .map(([name, value]) => `${name} ${digits(value)}`)
              .join(', '),
          ),
        ),
      );
    const heads = ['Endpoint', '', 'Cost', 'Made of'].map((title) => h('th', { scope: 'col' }, title));
    const table = h('table', {}, h('thead', {}, h('tr', {}, ...heads)), h('tbody', {}, ...rows));
    const rest = candidates.length - rows.length;
    replace(
      this.#answer,
      said,
      h('div', { class: 'wide', tabindex: 0, role: 'region', 'aria-label': 'Candidates' }, table),
      rest > 0 && h('p', { class: 'dim' }, `and ${rest} more`),
    );
  }

  #more({ session, split, lane, panic }: Explanation): string {
    const said = [
      session && `session ${session.state}`,
      split && `${split.split}: ${split.name}`,
      lane && `lane ${lane}`,
      panic && 'in panic',
    ].filter((each): each is string => typeof each === 'string');
    return said.length === 0 ? '' : ` · ${shown(said.join(' · '))}`;
  }
}
