import { createHmac, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify<string, string, number, Buffer>(scrypt);

/**
 * Proves of a text that it was written by a client with the same password. A note at a server names
 * other servers, and whoever logs in there shows them the password: so a note that anybody could
 * write there must not be believed. Without a password there is nothing to show.
 */
export class Seal {
  readonly #service: string;
  readonly #password: () => string | undefined;
  #known: { readonly password: string; readonly key: Promise<Buffer> } | undefined;

  /** `password`: as it is now; AUTH changes it. */
  constructor(service: string, password: () => string | undefined) {
    this.#service = service;
    this.#password = password;
  }

  /** The text with its seal in front. */
  async close(text: string): Promise<string> {
    return `${await this.#digest(text)} ${text}`;
  }

  /** The text; undefined where the seal is not of this password. */
  async open(sealed: string): Promise<string | undefined> {
    const at = sealed.indexOf(' ');
    const text = sealed.slice(at + 1);
    const [given, expected] = [Buffer.from(sealed.slice(0, Math.max(at, 0))), Buffer.from(await this.#digest(text))];
    return given.length === expected.length && timingSafeEqual(given, expected) ? text : undefined;
  }

  async #digest(text: string): Promise<string> {
    return createHmac('sha256', await this.#key())
      .update(text)
      .digest('base64url');
  }

  /** Slow to derive, once: the note must not make the password easier to guess. */
  #key(): Promise<Buffer> {
    const password = this.#password() ?? '';
    if (this.#known?.password !== password) {
      const salt = `fairlead ${this.#service}`;
      const key = password === '' ? Promise.resolve(Buffer.from(salt)) : derive(password, salt, 32);
      this.#known = { password, key };
    }
    return this.#known.key;
  }
}
