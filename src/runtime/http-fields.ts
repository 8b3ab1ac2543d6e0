import { described, invalidOption, isRecord, type Reader } from './options.js';

/** RFC 9110, 5.6.2: what names of headers are, and those of cookies (RFC 6265, 4.1.1). */
export const TOKEN: RegExp = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** RFC 9110, 5.5: nothing that ends a line, nothing outside one byte. */
export const FIELD_VALUE: RegExp = /^[\t\x20-\x7e\x80-\xff]*$/;

/** The name of a header or a cookie. Any other is in no message, and Node refuses to send it. */
export const token: Reader<string> = described({ shape: { type: 'text', pattern: TOKEN } }, (value, name) => {
  if (typeof value === 'string' && TOKEN.test(value)) return value;
  throw invalidOption(name, value, 'a name of RFC 9110: letters, digits, - and the like');
});

const fieldValue: Reader<string> = described(
  { shape: { type: 'text', pattern: FIELD_VALUE, mayBeEmpty: true } },
  (value, name) => {
    if (typeof value === 'string' && FIELD_VALUE.test(value)) return value;
    throw invalidOption(name, value, 'the value of a header');
  },
);

/** Headers to be sent. None of the values is shown: they hold tokens. */
export const headersToSend: Reader<Readonly<Record<string, string>>> = described(
  { shape: { type: 'map', values: fieldValue, names: TOKEN }, fallback: {} },
  (value, name) => {
    if (value === undefined) return {};
    const isHeader = ([key, each]: [string, unknown]): boolean =>
      TOKEN.test(key) && typeof each === 'string' && FIELD_VALUE.test(each);
    if (isRecord(value) && Object.entries(value).every(isHeader)) return value as Record<string, string>;
    throw invalidOption(name, value, 'an object of header values by name');
  },
);
