/** A logarithmic axis over whole decades. */
export class Scale {
  readonly ticks: readonly number[];
  readonly #from: number;
  readonly #to: number;

  constructor(values: readonly number[]) {
    const times = values.filter((each) => Number.isFinite(each) && each > 0);
    this.#from = 10 ** Math.floor(Math.log10(Math.min(...times, 10)));
    this.#to = 10 ** Math.ceil(Math.log10(Math.max(...times, 100)));
    const decades = Math.round(Math.log10(this.#to / this.#from));
    this.ticks = Array.from({ length: decades + 1 }, (_, i) => this.#from * 10 ** i);
  }

  /** Where on it, 0 to 1; what is outside is at its end. */
  share(value: number): number {
    const inside = Math.min(Math.max(value, this.#from), this.#to);
    return Math.log(inside / this.#from) / Math.log(this.#to / this.#from);
  }
}

export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (mark) => `&#${mark.charCodeAt(0)};`);
}
