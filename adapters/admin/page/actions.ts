import { h, replace, shown } from './dom.js';
import type { Session } from './session.js';

/** What is said at the bottom of the page, with what undoes it. */
export class Toasts {
  readonly element: HTMLElement = h('div', { class: 'toasts', role: 'status', 'aria-live': 'polite' });

  say(text: string, kind: 'done' | 'failed' = 'done', undo?: () => void): void {
    const close = (): void => toast.remove();
    const back = (): void => {
      close();
      undo?.();
    };
    const toast = h(
      'div',
      { class: `toast ${kind}` },
      h('span', {}, shown(text)),
      undo !== undefined && h('button', { type: 'button', onclick: back }, 'Undo'),
      h('button', { type: 'button', class: 'quiet', 'aria-label': 'Dismiss', onclick: close }, '×'),
    );
    this.element.append(toast);
    while (this.element.children.length > 3) this.element.firstElementChild!.remove();
    setTimeout(close, 12_000);
  }
}

type Answer = Readonly<Record<string, unknown>>;
type Back = readonly [name: string, body: object, done: string];
/** What takes a change back; where the answer says by what, made of it. */
export type Undo = Back | ((answer: Answer) => Back);

/** Changes, and what is said of them. */
export class Actions {
  readonly #session: Session;
  readonly #toasts: Toasts;
  readonly #needsToken: (then: () => void) => void;

  constructor(session: Session, toasts: Toasts, needsToken: (then: () => void) => void) {
    this.#session = session;
    this.#toasts = toasts;
    this.#needsToken = needsToken;
  }

  get possible(): boolean {
    return this.#session.state?.writable === true;
  }

  /** Asks for the token first, where there is none yet. */
  do(name: string, body: object, done: string, undo?: Undo): void {
    if (this.#session.token === '') {
      this.#needsToken(() => this.do(name, body, done, undo));
      return;
    }
    this.#session.post<Answer>(name, body).then(
      (answer) => {
        const back = typeof undo === 'function' ? undo(answer) : undo;
        this.#toasts.say(done, 'done', back && (() => this.do(...back)));
      },
      (error: Error) => {
        this.#toasts.say(error.message, 'failed');
        // It was not the token.
        if (this.#session.token === '') this.do(name, body, done, undo);
      },
    );
  }
}

/** A dialog that is closed by Escape, its button, or a click beside it. */
export class Dialog {
  readonly element: HTMLDialogElement;
  readonly #title: HTMLElement = h('h2', { id: `title-${++dialogs}` });
  readonly #body = h('div', { class: 'body' });

  constructor(className = '') {
    const close = h(
      'button',
      { type: 'button', class: 'quiet', 'aria-label': 'Close', onclick: () => this.close() },
      '×',
    );
    this.element = h(
      'dialog',
      { class: className, 'aria-labelledby': this.#title.id },
      h('header', {}, this.#title, close),
      this.#body,
    );
    this.element.addEventListener('click', (event) => {
      if (event.target === this.element) this.close();
    });
  }

  get open(): boolean {
    return this.element.open;
  }

  show(title: Node | string, ...body: readonly Node[]): void {
    this.fill(title, ...body);
    if (!this.element.open) this.element.showModal();
  }

  fill(title: Node | string, ...body: readonly Node[]): void {
    replace(this.#title, title);
    replace(this.#body, ...body);
  }

  close(): void {
    this.element.close();
  }
}

let dialogs = 0;

/** Asks for the token. It is kept for this tab. */
export class TokenDialog extends Dialog {
  readonly #session: Session;

  constructor(session: Session) {
    super('token');
    this.#session = session;
  }

  ask(then?: () => void): void {
    const input = h('input', { type: 'password', name: 'token', autocomplete: 'off', required: true });
    const take = (event: Event): void => {
      event.preventDefault();
      this.#session.token = input.value.trim();
      this.close();
      then?.();
    };
    const form = h(
      'form',
      { onsubmit: take },
      h(
        'p',
        {},
        'What createAdmin() was given as ',
        h('code', {}, 'token'),
        '. It stays in this tab, and is sent with changes.',
      ),
      h('label', {}, 'Token', input),
      h('footer', {}, h('button', { type: 'submit', class: 'main' }, 'Use')),
    );
    this.show('Token', form);
    input.focus();
  }
}
