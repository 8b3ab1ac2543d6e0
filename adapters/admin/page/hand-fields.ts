import { h } from './dom.js';

const TIMES: readonly (readonly [minutes: number, label: string])[] = [
  [5, '5 minutes'],
  [10, '10 minutes'],
  [60, '1 hour'],
  [480, '8 hours'],
  [1_440, '1 day'],
];
const DEFAULT_MINUTES = 10;

/** For how long something is done by hand, who does it, and why. */
export class HandFields {
  readonly element: HTMLElement;
  readonly #time = h(
    'select',
    { name: 'for' },
    ...TIMES.map(([m, label]) => h('option', { value: m, selected: m === DEFAULT_MINUTES }, label)),
  );
  readonly #reason = h('input', { name: 'reason', maxlength: 200, placeholder: 'why, for the others' });
  readonly #by = h('input', { name: 'by', maxlength: 60, placeholder: 'who' });

  constructor(...before: readonly HTMLElement[]) {
    this.element = h(
      'div',
      { class: 'fields' },
      ...before,
      h('label', {}, 'For', this.#time),
      h('label', {}, 'By', this.#by),
      h('label', {}, 'Reason', this.#reason),
    );
  }

  /** As a change takes them. */
  get body(): { readonly forMs: number; readonly reason: string; readonly by: string } {
    return { forMs: Number(this.#time.value) * 60_000, reason: this.#reason.value, by: this.#by.value };
  }

  /** `10 minutes`. */
  get label(): string {
    return TIMES.find(([m]) => m === Number(this.#time.value))![1];
  }
}
