import type { AdminState } from '../state/admin-state.js';
import { h, replace } from './dom.js';

export type View = { readonly element: HTMLElement; update(state: AdminState): void };

/** Draws anew only where what it is about changed: what is read shall stand still. */
export abstract class Redrawn implements View {
  readonly element: HTMLElement = h('article', {});
  #told = '';

  update(state: AdminState): void {
    const about = this.about(state);
    const told = JSON.stringify(about ?? null);
    if (told === this.#told) return;
    this.#told = told;
    const { activeElement } = document;
    const focused = this.element.contains(activeElement) ? (activeElement as HTMLElement).dataset.keep : undefined;
    const scrolled = [...this.element.querySelectorAll('.wide')].map(({ scrollLeft }) => scrollLeft);
    replace(this.element, ...this.draw(state));
    for (const [i, wide] of this.element.querySelectorAll('.wide').entries()) wide.scrollLeft = scrolled[i] ?? 0;
    if (focused === undefined) return;
    // What a keyboard was on is there again, as another element.
    for (const each of this.element.querySelectorAll<HTMLElement>('[data-keep]')) {
      if (each.dataset.keep === focused) each.focus({ preventScroll: true });
    }
  }

  protected abstract about(state: AdminState): unknown;
  /** What can have the focus has a `data-keep` of its own, by which it is found again. */
  protected abstract draw(state: AdminState): readonly (Node | string)[];
}
