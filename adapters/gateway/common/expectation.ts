import type { ServerResponse } from 'node:http';

/** Those whose clients wait to be told that their body is wanted: RFC 9110, 10.1.1. */
const waiting = new WeakSet<ServerResponse>();

/** Its client waits with the body. */
export function expectsContinue(response: ServerResponse): void {
  waiting.add(response);
}

/**
 * The body is about to be read: a client that waits is told. One that was answered before that, by
 * a limit or a redirect, never sends it.
 */
export function sayContinue(response: ServerResponse): void {
  if (waiting.delete(response) && !response.headersSent && !response.destroyed) response.writeContinue();
}
