import { h, say } from './dom.js';

export interface Column<Row> {
  readonly id: string;
  readonly title: string;
  /** For numbers: to the right. */
  readonly numeric?: boolean;
  /** Fills a cell that may have shown another row before. */
  fill(cell: HTMLElement, row: Row): void;
  /** What rows are ordered by; what is undefined comes last, either way. */
  value(row: Row): string | number | undefined;
}

export interface TableHost<Row> {
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  keyOf(row: Row): string;
  opened(row: Row): void;
  sorted(column: string, descending: boolean): void;
}

export const ROW_HEIGHT = 34;
/** More than are seen, so that scrolling shows no gap. */
const SPARE = 6;

/**
 * A table of which only the rows that are seen exist. It says how many there are, and each row
 * where it stands; arrows, Home and End move among them, Enter opens one.
 */
export class VirtualTable<Row> {
  readonly element: HTMLElement;
  readonly #host: TableHost<Row>;
  readonly #head: HTMLElement;
  readonly #scroller: HTMLElement;
  readonly #body: HTMLElement;
  readonly #lines: HTMLElement[] = [];
  #rows: readonly Row[] = [];
  #current = '';
  #sort = '';
  #descending = false;

  constructor(host: TableHost<Row>) {
    this.#host = host;
    this.#head = h(
      'div',
      { class: 'row head', role: 'row', 'aria-rowindex': 1 },
      ...host.columns.map((column) => this.#heading(column)),
    );
    this.#body = h('div', { class: 'rows', role: 'rowgroup' });
    const top = h('div', { class: 'top', role: 'rowgroup' }, this.#head);
    this.#scroller = h('div', { class: 'scroller' }, top, this.#body);
    this.element = h('div', { class: 'table', role: 'grid', 'aria-label': host.label }, this.#scroller);
    this.#scroller.setAttribute('role', 'presentation');
    this.#scroller.addEventListener('scroll', () => this.#paint());
    this.#body.addEventListener('keydown', (event) => this.#key(event));
    this.#body.addEventListener('click', (event) => this.#clicked(event));
    new ResizeObserver(() => this.#paint()).observe(this.#scroller);
  }

  /** Shows these, in this order. */
  update(rows: readonly Row[], sort: string, descending: boolean): void {
    this.#rows = this.#ordered(rows, sort, descending);
    this.#sort = sort;
    this.#descending = descending;
    for (const cell of this.#head.children) {
      const mine = (cell as HTMLElement).dataset.column === sort;
      cell.setAttribute('aria-sort', mine ? (descending ? 'descending' : 'ascending') : 'none');
    }
    this.element.setAttribute('aria-rowcount', String(rows.length + 1));
    this.#body.style.height = `${rows.length * ROW_HEIGHT}px`;
    this.#paint();
  }

  #ordered(rows: readonly Row[], sort: string, descending: boolean): readonly Row[] {
    const column = this.#host.columns.find(({ id }) => id === sort) ?? this.#host.columns[0]!;
    const sign = descending ? -1 : 1;
    return [...rows].sort((a, b) => {
      const [x, y] = [column.value(a), column.value(b)];
      if (x === y) return this.#host.keyOf(a) < this.#host.keyOf(b) ? -1 : 1;
      if (x === undefined) return 1;
      if (y === undefined) return -1;
      return sign * (x < y ? -1 : 1);
    });
  }

  #heading({ id, title, numeric }: Column<Row>): HTMLElement {
    const sort = (): void => this.#host.sorted(id, this.#sort === id ? !this.#descending : numeric === true);
    const cell = h(
      'div',
      { class: `cell ${id}${numeric === true ? ' number' : ''}`, role: 'columnheader' },
      h('button', { type: 'button', onclick: sort }, title),
    );
    cell.dataset.column = id;
    return cell;
  }

  #line(): HTMLElement {
    const cells = this.#host.columns.map(({ id, numeric }) =>
      h('div', { class: `cell ${id}${numeric === true ? ' number' : ''}`, role: 'gridcell' }),
    );
    return h('div', { class: 'row', role: 'row', tabindex: '-1' }, ...cells);
  }

  #paint(): void {
    const { scrollTop, clientHeight } = this.#scroller;
    const first = Math.max(0, Math.floor(scrollTop / ROW_HEIGHT) - SPARE);
    const fits = Math.ceil(clientHeight / ROW_HEIGHT) + 2 * SPARE;
    const shown = this.#rows.slice(first, first + fits);
    while (this.#lines.length < shown.length) {
      const line = this.#line();
      this.#lines.push(line);
      this.#body.append(line);
    }
    // A row that has the focus keeps its element, or a keyboard would lose its place.
    const focused = this.#lines.indexOf(document.activeElement as HTMLElement);
    if (focused !== -1) {
      const wanted = shown.findIndex((row) => this.#host.keyOf(row) === this.#lines[focused]!.dataset.key);
      if (wanted !== -1 && wanted !== focused) {
        [this.#lines[focused], this.#lines[wanted]] = [this.#lines[wanted]!, this.#lines[focused]!];
      }
    }
    const reached = shown.some((row) => this.#host.keyOf(row) === this.#current);
    this.#lines.forEach((line, i) => {
      const row = shown[i];
      line.hidden = row === undefined;
      if (row === undefined) return;
      const key = this.#host.keyOf(row);
      line.dataset.key = key;
      line.style.transform = `translateY(${(first + i) * ROW_HEIGHT}px)`;
      line.setAttribute('aria-rowindex', String(first + i + 2));
      line.tabIndex = key === this.#current || (!reached && i === 0) ? 0 : -1;
      this.#host.columns.forEach((column, at) => {
        column.fill(line.children[at] as HTMLElement, row);
      });
    });
  }

  #rowOf(event: Event): Row | undefined {
    const line = (event.target as Element).closest<HTMLElement>('.row');
    return this.#rows.find((row) => this.#host.keyOf(row) === line?.dataset.key);
  }

  #clicked(event: Event): void {
    const row = this.#rowOf(event);
    if (row === undefined) return;
    this.#current = this.#host.keyOf(row);
    this.#host.opened(row);
  }

  #key(event: KeyboardEvent): void {
    const row = this.#rowOf(event);
    if (row === undefined) return;
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      this.#current = this.#host.keyOf(row);
      this.#host.opened(row);
      return;
    }
    const at = this.#rows.indexOf(row);
    const page = Math.max(1, Math.floor(this.#scroller.clientHeight / ROW_HEIGHT) - 2);
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: this.#rows.length - 1,
    };
    const to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.#focus(Math.min(Math.max(to, 0), this.#rows.length - 1));
  }

  #focus(at: number): void {
    this.#current = this.#host.keyOf(this.#rows[at]!);
    const top = at * ROW_HEIGHT;
    const { scrollTop, clientHeight } = this.#scroller;
    const head = this.#head.offsetHeight;
    if (top < scrollTop) this.#scroller.scrollTop = top;
    else if (top + ROW_HEIGHT + head > scrollTop + clientHeight) {
      this.#scroller.scrollTop = top + ROW_HEIGHT + head - clientHeight;
    }
    this.#paint();
    this.#lines.find(({ dataset, hidden }) => !hidden && dataset.key === this.#current)?.focus();
  }
}

/** For columns that are a text. */
export function textColumn<Row>(
  id: string,
  title: string,
  text: (row: Row) => string,
  value: (row: Row) => string | number | undefined = text,
  numeric = false,
): Column<Row> {
  return { id, title, numeric, value, fill: (cell, row) => say(cell, text(row)) };
}
