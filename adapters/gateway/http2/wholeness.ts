import type { Http2Stream } from 'node:http2';

/**
 * Returns what says whether the end of a body was its own. node:http2 ends the readable side of a
 * stream that was reset as it ends a whole one, but marks it closed before.
 */
export function wholeness(stream: Http2Stream): () => boolean {
  let whole = false;
  const { push } = stream;
  stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (chunk === null && !stream.closed) whole = true;
    return push.call(stream, chunk, encoding);
  };
  return () => whole;
}
