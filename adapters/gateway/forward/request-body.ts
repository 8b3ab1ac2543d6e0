import type { IncomingMessage, ServerResponse } from 'node:http';
import { sayContinue } from '../common/expectation.js';

/**
 * The body of a request as it comes. Left half read, the request is not destroyed: its client still
 * has to hear the answer. `exceeded` is called once, where there is more of it than `max`; it then
 * ends as if broken off.
 */
export function bodyOf(
  request: IncomingMessage,
  response: ServerResponse,
  max: number,
  exceeded: () => void,
): AsyncIterable<Buffer> {
  const read = (): AsyncIterator<Buffer> => {
    const body: AsyncIterator<Buffer> = request.iterator({ destroyOnReturn: false });
    return {
      // When it is taken, not when it is made: until then no endpoint may be found.
      next: () => {
        sayContinue(response);
        return body.next();
      },
      return: () => body.return!(),
    };
  };
  if (max === Number.POSITIVE_INFINITY) return { [Symbol.asyncIterator]: read };
  return counted({ [Symbol.asyncIterator]: read }, max, exceeded);
}

async function* counted(body: AsyncIterable<Buffer>, max: number, exceeded: () => void): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > max) {
      exceeded();
      throw Object.assign(new Error('The body is too long'), { code: 'UND_ERR_ABORTED' });
    }
    yield chunk;
  }
}
