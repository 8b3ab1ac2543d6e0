type Child = Node | string | undefined | false;

/** Properties, `class`, `on…` listeners, and attributes for all else. */
type Props = Readonly<Record<string, unknown>>;

/** An element. Texts become text nodes: no markup is ever parsed. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue;
    if (name === 'class') element.className = String(value);
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value as EventListener);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children) if (child !== undefined && child !== false) element.append(child);
  return element;
}

/** Sets a text where it is another: most are not, and a page of thousands of cells must be calm. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function replace(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren(...children.filter((child) => child !== undefined && child !== false));
}

// C0, DEL, C1, line separators, and what turns the direction of the text around.
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it is about
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** A name of somebody else's: what cannot be seen is shown by its number. */
export function shown(name: string): string {
  return name.replace(HIDDEN, (mark) => `⟨${mark.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}⟩`);
}

/** A name as an element: its direction is its own. */
export function nameOf(name: string, className = ''): HTMLElement {
  return h('bdi', { class: className, title: shown(name) }, shown(name));
}
