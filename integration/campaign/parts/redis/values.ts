import type { Random } from 'fairlead/testing';
import type { ClientHistory } from '../../history.js';

/** `id`, a bar, and bytes that follow from it: any bytes, none to 200 kB. */
export function padded(id: string, random: Random): Buffer {
  const sizes = [0, 1, 30, 500, 5_000];
  const length = random.below(60) === 0 ? 200_000 : sizes[random.below(sizes.length)]!;
  return Buffer.concat([Buffer.from(`${id}|${length}|`), padding(id, length)]);
}

function padding(id: string, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 7;
  for (const char of id) state = (state * 31 + char.charCodeAt(0)) >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** The id of a value that was read; a complaint unless it is the same byte for byte. */
export function intact(value: Buffer | null, history: ClientHistory, key: string): string | null {
  if (value === null) return null;
  const [id = '', length = ''] = value.subarray(0, 60).toString('latin1').split('|');
  const whole = Buffer.concat([Buffer.from(`${id}|${length}|`), padding(id, Number(length) || 0)]);
  if (!whole.equals(value)) {
    history.complain('bytes differ', { key, id, length, bytes: value.subarray(0, 200).toString('base64') });
  }
  return id;
}
