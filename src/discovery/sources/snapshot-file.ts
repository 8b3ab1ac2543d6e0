import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { EndpointSpec } from '../../endpoint/endpoint.js';
import { parseJson } from '../../runtime/parse-text.js';
import { replaceFile, replaceFileSync } from '../../runtime/replace-file.js';
import { readEndpoint } from '../endpoint-input.js';
import type { EndpointInput, ServiceQuery } from '../resolver.js';

/** Of the format: a file of another is not read. */
const SCHEMA = 1;

const MAX_BYTES = 67_108_864;

interface Saved {
  readonly schema: number;
  readonly source: string;
  readonly service: string;
  /** By the wall clock: it is read by another process. */
  readonly savedAtMs: number;
  readonly endpoints: readonly EndpointSpec[];
}

/**
 * The last list of one service on disk. Only its owner may read it (0600), and it is replaced as a
 * whole. Of what was asked the name has a digest alone: parameters may be secret.
 */
export class SnapshotFile {
  readonly #folder: string;
  readonly #path: string;
  readonly #source: string;
  readonly #service: string;

  constructor(folder: string, source: string, query: ServiceQuery) {
    const asked = JSON.stringify([source, query.service, query.params]);
    const digest = createHash('sha256').update(asked).digest('hex').slice(0, 32);
    this.#folder = folder;
    this.#path = join(folder, `${digest}.json`);
    this.#source = source;
    this.#service = query.service;
  }

  /** Rejects where there is none, or none that can be used, with the reason. */
  async read(): Promise<Pick<Saved, 'savedAtMs' | 'endpoints'>> {
    const { size } = await stat(this.#path);
    if (size > MAX_BYTES) throw new Error(`${this.#path} has ${size} bytes, more than ${MAX_BYTES}`);
    const saved = parseJson(await readFile(this.#path, 'utf8')) as Partial<Saved> | null;
    const fits = saved?.schema === SCHEMA && saved.source === this.#source && saved.service === this.#service;
    if (!fits || !Number.isFinite(saved.savedAtMs) || !Array.isArray(saved.endpoints)) {
      throw new Error(`${this.#path} is not a snapshot of this service by this release`);
    }
    const endpoints = saved.endpoints.map((each: EndpointInput, at) => readEndpoint(each, `endpoints[${at}]`));
    return { savedAtMs: saved.savedAtMs!, endpoints };
  }

  async write(endpoints: readonly EndpointSpec[], savedAtMs: number): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await replaceFile(this.#path, this.#text(endpoints, savedAtMs));
  }

  /** The same at once: for the end of the process. */
  writeSync(endpoints: readonly EndpointSpec[], savedAtMs: number): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    replaceFileSync(this.#path, this.#text(endpoints, savedAtMs));
  }

  #text(endpoints: readonly EndpointSpec[], savedAtMs: number): string {
    const saved: Saved = { schema: SCHEMA, source: this.#source, service: this.#service, savedAtMs, endpoints };
    return JSON.stringify(saved);
  }
}
