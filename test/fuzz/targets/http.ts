import type { IncomingMessage } from 'node:http';
import { cookieKey } from 'fairlead';
import { normalHost, readTarget } from 'fairlead/adapter';
import { expect } from 'vitest';
import { hopAddress, plainAddress } from '../../../adapters/gateway/head/client.js';
import { readHead } from '../../../adapters/gateway/head/request-head.js';
import { parseIp } from '../../../src/runtime/ip-address.js';
import type { FuzzTarget } from '../target.js';

/** A head as node:http would hand it over: lines of latin1, the first one the request's. */
function request(input: Buffer): IncomingMessage {
  const [first = '', ...lines] = input.toString('latin1').split('\r\n');
  const [method = 'GET', url = '/'] = first.split(' ');
  const rawHeaders = lines.flatMap((line) => {
    const at = line.indexOf(':');
    return at < 0 ? [] : [line.slice(0, at), line.slice(at + 1).trim()];
  });
  const headers: Record<string, string> = {};
  for (let i = 0; i < rawHeaders.length; i += 2) headers[rawHeaders[i]!.toLowerCase()] ??= rawHeaders[i + 1]!;
  return { method, url, headers, rawHeaders, httpVersion: '1.1', httpVersionMajor: 1 } as unknown as IncomingMessage;
}

export const http: readonly FuzzTarget[] = [
  {
    name: 'http-head',
    examples: [
      'GET /a/b?c=d HTTP/1.1\r\nHost: users.example\r\nContent-Length: 3',
      'POST http://users.example/x HTTP/1.1\r\nHost: other\r\nTransfer-Encoding: chunked',
      'OPTIONS * HTTP/1.1\r\nHost: a',
    ],
    words: [
      'Transfer-Encoding: gzip, chunked',
      'Host: ',
      '//',
      '/../',
      '%2e%2e',
      '%2F',
      'http://',
      ':0',
      '[::1]',
      '@',
      ';',
    ],
    read(input) {
      const head = readHead(request(input));
      if ('status' in head) return;
      // A path that is matched and forwarded has no dots left to climb out by, however written.
      expect(head.target.segments).not.toContain('..');
      expect(head.host).not.toMatch(/[\s/@]/);
    },
  },
  {
    name: 'http-target',
    examples: ['/a/%41/../b//c?d=e&f', '/', '/a%2Fb'],
    words: ['/./', '/..', '%2e', '%c0%ae', '#', '?', '%zz', '\\'],
    read: (input) => readTarget(input.toString('latin1')),
  },
  {
    name: 'http-host',
    examples: ['users.example:80', '[::1]:80', 'USERS.example.'],
    words: ['xn--', '..', ':', '[', ']', '@', '%'],
    read: (input) => normalHost(input.toString('latin1')),
  },
  {
    name: 'addresses',
    examples: ['10.0.0.1', '::ffff:1.2.3.4', 'for="[2001:db8::1]:80"', '[::1]:443'],
    words: ['::', '.', '0x7f', '%eth0', 'for=', '"'],
    read(input) {
      const text = input.toString('latin1');
      parseIp(text, new Uint8Array(16));
      return [hopAddress(text), plainAddress(text)];
    },
  },
  {
    name: 'cookies',
    examples: ['session=abc; other=d', 'session="a b"'],
    words: ['session=', ';', '; ', '=', '%3B', 'session'],
    read: (input) => cookieKey('session')({ cookie: input.toString('latin1') }),
  },
];
