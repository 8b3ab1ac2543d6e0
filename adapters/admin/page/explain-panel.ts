import type { Explanation } from '../../../src/index.js';
import type { AdminPart, AdminState } from '../state/admin-state.js';
import { h, replace, shown } from './dom.js';
import { explanationAnswer, partAnswer } from './explain-answer.js';
import type { Session } from './session.js';

/** What can be put to something: a call to a service, or what an adapter over it takes. */
interface Subject {
  /** The name of the part; '' for the service itself. */
  readonly part: string;
  readonly label: string;
  readonly fields: readonly string[];
  readonly headers: boolean;
}

const LABELS: Readonly<Record<string, readonly [label: string, example: string]>> = {
  key: ['Key', 'user-42'],
  sql: ['Statement', 'SELECT … FROM …'],
  method: ['Method', 'GET'],
  host: ['Host', 'api.example.com'],
  path: ['Path', '/users/7'],
};
/** These look after many services. */
const OF_ALL = ['gateway', 'grpc'];

/** Asks the process which endpoint a call would get now, and why. */
export class ExplainPanel {
  readonly element: HTMLElement;
  readonly #answer = h('div', { class: 'answer', 'aria-live': 'polite' });
  readonly #fields = h('div', { class: 'fields' });
  readonly #subject = h('select', { name: 'subject' });
  readonly #session: Session;
  #service = '';
  #subjects: readonly Subject[] = [];
  #told = '';

  constructor(session: Session) {
    this.#session = session;
    this.#subject.addEventListener('change', () => this.#show());
    const ask = (event: Event): void => {
      event.preventDefault();
      this.#ask(event.currentTarget as HTMLFormElement);
    };
    const form = h(
      'form',
      { class: 'fields', onsubmit: ask },
      h('label', {}, 'Of', this.#subject),
      this.#fields,
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

  use(service: string, parts: AdminState['parts']): void {
    const subjects = subjectsOf(service, parts);
    const told = JSON.stringify(subjects);
    if (service === this.#service && told === this.#told) return;
    this.#service = service;
    this.#told = told;
    this.#subjects = subjects;
    replace(this.#subject, ...subjects.map(({ part, label }) => h('option', { value: part }, label)));
    this.#show();
  }

  get #chosen(): Subject {
    return this.#subjects.find(({ part }) => part === this.#subject.value) ?? this.#subjects[0]!;
  }

  #show(): void {
    const { fields, headers } = this.#chosen;
    replace(this.#answer);
    replace(
      this.#fields,
      ...fields.map((field) => {
        const [label, placeholder] = LABELS[field] ?? [shown(field), ''];
        return h(
          'label',
          { class: `field-${field}` },
          label,
          h('input', { name: field, placeholder, autocomplete: 'off' }),
        );
      }),
      headers && h('label', {}, 'Headers', h('textarea', { name: 'headers', rows: 1, placeholder: 'version: 2' })),
    );
  }

  #ask(form: HTMLFormElement): void {
    const { part, fields } = this.#chosen;
    const typed = new FormData(form);
    const query = new URLSearchParams(part === '' ? { service: this.#service } : { part, service: this.#service });
    for (const field of fields) {
      const value = String(typed.get(field) ?? '');
      if (value !== '') query.set(field, value);
    }
    for (const line of String(typed.get('headers') ?? '').split('\n')) {
      if (line.includes(':')) query.append('label', line);
    }
    this.#session.get<Readonly<Record<string, unknown>>>(`explain?${query}`).then(
      (answer) => {
        const nodes = part === '' ? explanationAnswer(answer as unknown as Explanation) : partAnswer(answer);
        replace(this.#answer, ...nodes);
      },
      (error: Error) => replace(this.#answer, h('p', { class: 'bad' }, error.message)),
    );
  }
}

function subjectsOf(service: string, parts: AdminState['parts']): readonly Subject[] {
  const own = { part: '', label: `a call to ${shown(service)}`, fields: ['key'], headers: true };
  const others = Object.entries(parts).flatMap(([part, { kind, name, asks }]: [string, AdminPart]): Subject[] => {
    if (asks === undefined || (name !== service && !OF_ALL.includes(kind))) return [];
    // It is the service that is looked at.
    const fields = asks.fields.filter((field) => field !== 'service');
    return [{ part, label: shown(part), fields, headers: asks.headers }];
  });
  return [own, ...others];
}
