import type { AdminAlert } from '../state/admin-state.js';
import { type Actions, Dialog } from './actions.js';
import { h, nameOf, shown } from './dom.js';
import { HandFields } from './hand-fields.js';

/** Asks for how long nothing is to be sent of an alert, or of more than it. */
export class SilenceDialog extends Dialog {
  readonly #actions: Actions;

  constructor(actions: Actions) {
    super('silence');
    this.#actions = actions;
  }

  ask({ rule, subject, text }: AdminAlert): void {
    const bodies: Readonly<Record<string, object>> = { one: { rule, subject }, subject: { subject }, rule: { rule } };
    const what = h(
      'select',
      { name: 'what' },
      h('option', { value: 'one' }, 'this alert'),
      h('option', { value: 'subject' }, shown(`all alerts of ${subject}`)),
      h('option', { value: 'rule' }, `${rule} of anything`),
    );
    const fields = new HandFields(h('label', {}, 'Silence', what));
    const act = (event: Event): void => {
      event.preventDefault();
      const done = `Silenced for ${fields.label}.`;
      this.#actions.do('silence', { ...bodies[what.value], ...fields.body }, done, ({ silence }) => [
        'unsilence',
        { silence },
        'It is told of again.',
      ]);
      this.close();
    };
    const form = h(
      'form',
      { onsubmit: act },
      h('p', {}, shown(text)),
      h(
        'p',
        { class: 'dim' },
        'Nothing is sent of it meanwhile. It stays on this page, and is told of afterwards if it is still so.',
      ),
      fields.element,
      h('footer', {}, h('button', { type: 'submit', class: 'main' }, 'Silence')),
    );
    this.show(h('span', {}, `${rule} · `, nameOf(subject)), form);
  }
}
