import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectSecure, type TLSSocket } from 'node:tls';
import type { Endpoint } from '../../../src/index.js';
import type { Upstream } from '../forward/upstreams.js';
import { noHttp2 } from './back-session.js';

type Dialled = (error: Error | undefined, socket: Socket) => void;

/** Connects to an endpoint, over TLS where its service wants it, which then has to agree to h2. */
export function dial({ spec }: Endpoint, path: string | undefined, upstream: Upstream, done: Dialled): Socket {
  const { tls, servername } = upstream;
  const where = path === undefined ? { host: spec.host, port: spec.port } : { path };
  const over = (error: Error | undefined): void => {
    socket.off('error', over).off(ready, over as () => void);
    if (error !== undefined) done(error, socket);
    else if (servername !== undefined && (socket as TLSSocket).alpnProtocol !== 'h2') {
      socket.destroy();
      done(noHttp2(), socket);
    } else done(undefined, socket);
  };
  const secure: ConnectionOptions = { ...tls, ...where, servername: servername ?? '', ALPNProtocols: ['h2'] };
  const socket: Socket = servername === undefined ? connect(where) : connectSecure(secure);
  const ready = servername === undefined ? 'connect' : 'secureConnect';
  socket.setNoDelay(true);
  socket.on('error', over).once(ready, () => over(undefined));
  return socket;
}
