import type { AdminEndpoint } from '../state/admin-state.js';
import { type Actions, Dialog } from './actions.js';
import { h, nameOf, replace, say, shown } from './dom.js';
import { stateMark, whyText } from './endpoints.js';
import { count, ms, NONE, percent, rate, span, weight } from './format.js';
import { HandFields } from './hand-fields.js';

/** All that is known of one endpoint, and what may be done to it. */
export class EndpointDialog extends Dialog {
  readonly #actions: Actions;
  readonly #facts = h('dl', { class: 'facts' });
  readonly #acts = h('div', { class: 'acts' });
  #of: { readonly service: string; readonly id: string } | undefined;
  #shape = '';

  constructor(actions: Actions) {
    super('endpoint');
    this.#actions = actions;
  }

  open_(service: string, id: string, endpoint: AdminEndpoint, nowMs: number): void {
    this.#of = { service, id };
    this.#shape = '';
    this.update(endpoint, nowMs);
    this.show(nameOf(id), this.#facts, this.#acts);
  }

  get shown(): { readonly service: string; readonly id: string } | undefined {
    return this.open ? this.#of : undefined;
  }

  update(endpoint: AdminEndpoint, nowMs: number): void {
    this.#fill(endpoint, nowMs);
    const shape = `${endpoint.state} ${endpoint.hold?.how ?? ''} ${endpoint.listed}`;
    if (shape === this.#shape) return;
    this.#shape = shape;
    replace(this.#acts, ...this.#offers(endpoint));
  }

  #fill(endpoint: AdminEndpoint, nowMs: number): void {
    const facts: readonly (readonly [string, string | Node])[] = [
      ['State', stateMark(endpoint)],
      ['Why', whyText(endpoint, nowMs) || NONE],
      ['For', span(nowMs - endpoint.stateSinceMs)],
      ['Address', endpoint.address],
      ['Zone', shown(endpoint.zone) || NONE],
      ['Priority', String(endpoint.priority)],
      ['Weight in use / configured', weight(endpoint.effectiveWeight, endpoint.weight)],
      ['In flight', count(endpoint.inflight)],
      ['Calls per second', rate(endpoint.rate)],
      ['p50, p99', `${ms(endpoint.p50Ms)}, ${ms(endpoint.p99Ms)}`],
      ['Peak EWMA', ms(endpoint.ewmaMs)],
      ['Errors', percent(endpoint.failureRatio)],
      ['Calls, failures', `${count(endpoint.calls)}, ${count(endpoint.failures)}`],
      ['Ejections', String(endpoint.ejections)],
      ['Tags', endpoint.tags.map(shown).join(', ') || NONE],
      ...Object.entries(endpoint.meta).map(([name, value]) => [shown(name), shown(value)] as const),
    ];
    if (this.#facts.children.length !== facts.length * 2) {
      this.#facts.replaceChildren(...facts.flatMap(() => [h('dt'), h('dd')]));
    }
    facts.forEach(([name, value], i) => {
      say(this.#facts.children[2 * i]!, name);
      const cell = this.#facts.children[2 * i + 1]!;
      if (typeof value === 'string') say(cell, value);
      else if (cell.textContent !== value.textContent) replace(cell, value);
    });
  }

  #offers(endpoint: AdminEndpoint): readonly Node[] {
    if (!endpoint.listed) return [];
    if (!this.#actions.possible) {
      return [h('p', { class: 'dim' }, 'Read only: createAdmin() was given no token.')];
    }
    const out = endpoint.hold !== undefined || endpoint.state === 'ejected' || endpoint.state === 'probing';
    const fields = new HandFields();
    const act = (how: 'drain' | 'eject') => (): void => {
      const { id } = this.#of!;
      const done = `${id} is ${how}ed for ${fields.label}.`;
      this.#actions.do(how, { ...this.#body, ...fields.body }, done, ['restore', this.#body, `${id} is back.`]);
      this.close();
    };
    const restore = (): void => {
      this.#actions.do('restore', this.#body, `${this.#of!.id} is back.`);
      this.close();
    };
    return [
      fields.element,
      h(
        'footer',
        {},
        out && h('button', { type: 'button', class: 'main', onclick: restore }, 'Restore'),
        h(
          'button',
          { type: 'button', onclick: act('drain'), title: 'No new calls; those in progress finish' },
          'Drain',
        ),
        endpoint.state === 'ready' &&
          h(
            'button',
            { type: 'button', onclick: act('eject'), title: 'Out for a while; then one call decides' },
            'Eject',
          ),
      ),
    ];
  }

  get #body(): { readonly service: string; readonly endpoint: string } {
    return { service: this.#of!.service, endpoint: this.#of!.id };
  }
}
