import type { Http2Stream } from 'node:http2';

/**
 * Returns what says whether the end of a body was its own. node:http2 ends the readable side of a
 * stream that was reset as it ends a whole one, but marks it closed before.
 */
export function wholeness(stream: Http2Stream): () => boolean {
  let whole = false;
  stream.push = pushing(stream, () => {
    whole = true;
  });
  return () => whole;
}

/** Made here, and not where it is assigned: see `test/built-closures.test.ts`. */
function pushing(stream: Http2Stream, ended: () => void): Http2Stream['push'] {
  const { push } = stream;
  return (chunk: unknown, encoding?: BufferEncoding) => {
    if (chunk === null && !stream.closed) ended();
    return push.call(stream, chunk, encoding);
  };
}
