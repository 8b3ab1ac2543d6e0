import type { ServerResponse } from 'node:http';
import type { Refusal } from './guard.js';

const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
} as const;

export function answer(
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.headersSent || response.destroyed) return;
  const bytes = Buffer.from(body);
  response.writeHead(status, { ...HEADERS, ...headers, 'content-type': type, 'content-length': bytes.length });
  // Node leaves the body out where HEAD was asked.
  response.end(bytes);
}

export function answerJson(response: ServerResponse, status: number, value: unknown): void {
  answer(response, status, 'application/json; charset=utf-8', `${JSON.stringify(value)}\n`);
}

export function refuse(response: ServerResponse, { status, code, message }: Refusal): void {
  answer(
    response,
    status,
    'application/json; charset=utf-8',
    `${JSON.stringify({ error: { code, message } })}\n`,
    status === 401 ? { 'www-authenticate': 'Bearer realm="fairlead"' } : {},
  );
}

export function beginEvents(response: ServerResponse): void {
  response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
}
