import type { AdminState } from '../state/admin-state.js';
import type { TokenDialog } from './actions.js';
import { addressOf, go, type Place, place } from './address.js';
import { h, nameOf, replace, say } from './dom.js';
import { percent, rate } from './format.js';
import type { Session } from './session.js';

const TABS: readonly (readonly [Place['view'], string])[] = [
  ['services', 'Services'],
  ['topology', 'Topology'],
  ['configuration', 'Configuration'],
  ['events', 'Events'],
];
const THEMES = ['auto', 'light', 'dark'] as const;
const CONNECTIONS = {
  connecting: 'connecting…',
  live: 'live',
  lost: 'no answer, trying again…',
  locked: 'a token is needed',
} as const;

/** What stands around every view: where one is, how the mesh is, whether it is live. */
export class Shell {
  readonly top: HTMLElement;
  readonly services: HTMLElement = h('ul');
  readonly aside: HTMLElement = h('nav', { class: 'services', 'aria-label': 'Services' }, this.services);
  readonly #session: Session;
  readonly #links = new Map<string, HTMLAnchorElement>();
  readonly #health = h('span', { class: 'chip' });
  readonly #live = h('span', { class: 'live', role: 'status' });
  readonly #process = h('span', { class: 'dim process' });
  readonly #lock: HTMLButtonElement;
  readonly #entries = new Map<
    string,
    {
      readonly item: HTMLElement;
      readonly figures: HTMLElement;
      readonly dot: HTMLElement;
      readonly link: HTMLAnchorElement;
    }
  >();

  constructor(session: Session, token: TokenDialog, themed: () => void) {
    this.#session = session;
    for (const [view, title] of TABS) this.#links.set(view, h('a', { href: `#/${view}` }, title));
    const lock = (): void => {
      if (session.token === '') token.ask();
      else session.token = '';
    };
    this.#lock = h('button', { type: 'button', class: 'quiet', onclick: lock }, 'Unlock');
    const theme = h('button', { type: 'button', class: 'quiet theme' });
    const use = (name: string): void => {
      document.documentElement.dataset.theme = name;
      say(theme, `Theme: ${name}`);
    };
    use(localStorage.getItem('fairlead.theme') ?? 'auto');
    theme.addEventListener('click', () => {
      const at = THEMES.indexOf(document.documentElement.dataset.theme as 'auto');
      const next = THEMES[(at + 1) % THEMES.length]!;
      localStorage.setItem('fairlead.theme', next);
      use(next);
      themed();
    });
    this.top = h(
      'header',
      { class: 'topbar' },
      h('a', { class: 'brand', href: '#/services' }, 'fairlead'),
      h('nav', { class: 'tabs', 'aria-label': 'Views' }, ...this.#links.values()),
      h('div', { class: 'right' }, this.#health, this.#live, this.#process, theme, this.#lock),
    );
  }

  update(state: AdminState | undefined): void {
    const { view } = place();
    for (const [name, link] of this.#links) {
      if (name === view) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    const { connection } = this.#session;
    this.#live.className = `live ${connection}`;
    say(this.#live, CONNECTIONS[connection]);
    if (state === undefined) return;
    say(this.#process, `pid ${state.process.pid} · Node ${state.process.node.slice(1)}`);
    this.#lock.hidden = !state.writable;
    say(this.#lock, this.#session.token === '' ? 'Unlock' : 'Lock');
    this.#tellHealth(state);
    this.#list(state);
  }

  #tellHealth({ health, alerts = {} }: AdminState): void {
    const firing = Object.values(alerts).filter(({ silenced }) => !silenced).length;
    this.#health.hidden = health === undefined;
    if (health === undefined) return;
    this.#health.className = `chip ${health}`;
    say(this.#health, firing === 0 ? health : `${health} · ${firing} ${firing === 1 ? 'alert' : 'alerts'}`);
  }

  #list({ services }: AdminState): void {
    const { view, service: current } = place();
    const names = Object.keys(services).sort();
    if (names.length !== this.#entries.size || names.some((name) => !this.#entries.has(name))) {
      this.#entries.clear();
      replace(this.services, ...names.map((name) => this.#entry(name)));
    }
    for (const name of names) {
      const { endpoints, ready, failureRatio, rate: perSecond, panic } = services[name]!;
      const { figures, dot, link } = this.#entries.get(name)!;
      const listed = Object.values(endpoints).filter((each) => each.listed).length;
      const bad = ready === 0 || panic;
      const kind = bad ? 'unhealthy' : ready < listed || (failureRatio ?? 0) >= 0.05 ? 'probing' : 'ready';
      dot.className = `state ${kind}`;
      const errors = (failureRatio ?? 0) >= 0.001 ? ` · ${percent(failureRatio)}` : '';
      say(figures, `${ready}/${listed} · ${rate(perSecond)}/s${errors}`);
      const selected = view === 'services' && name === (current || names[0]);
      if (selected) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
    }
  }

  #entry(name: string): HTMLElement {
    const to = addressOf({ ...place(), view: 'services', service: name, filter: '' });
    const figures = h('span', { class: 'figures' });
    const dot = h('span', { class: 'state' }, h('i', { 'aria-hidden': 'true' }));
    const link = h('a', { href: to }, dot, nameOf(name, 'name'), figures);
    link.addEventListener('click', (event) => {
      event.preventDefault();
      go({ view: 'services', service: name, filter: '' }, true);
    });
    const item = h('li', {}, link);
    this.#entries.set(name, { item, figures, dot, link });
    return item;
  }
}
