import { connectivityState, credentials, type experimental, type StatusObject } from '@grpc/grpc-js';
import { barePick } from './bare-pick.js';
import type { CreateCall, Stream, StreamListener } from './connection-with.js';
import type { Hedges } from './hedges.js';

/** What grpc-js does with an attempt, or asks of it. */
const NOTHING = {
  cancelWithStatus: () => {},
  getPeer: () => 'none',
  sendMessageWithContext: () => {},
  startRead: () => {},
  halfClose: () => {},
  getCallNumber: () => 0,
  getDeadlineInfo: () => [],
  getAuthContext: () => null,
} as unknown as Stream;

/**
 * In place of a stream: none, for an attempt that ends so, but not before grpc-js has what is
 * returned.
 */
export function endUnsent(listener: Pick<StreamListener, 'onReceiveStatus'>, ended: StatusObject): Stream {
  queueMicrotask(() => listener.onReceiveStatus({ ...ended, metadata: ended.metadata.clone() }));
  return NOTHING;
}

/**
 * A pick that grpc-js takes for a sent attempt, which ends when `hedges` says so. A pick that fails
 * would not do: a call that is `waitForReady` would wait for another one, for ever.
 */
export function unsentAttempt(hedges: Hedges): experimental.PickResult {
  const createCall: CreateCall = (_metadata, _host, _method, listener) => {
    // Not before grpc-js has what is returned here.
    queueMicrotask(() => hedges.endUnsent((ended) => listener.onReceiveStatus(ended)));
    return NOTHING;
  };
  return barePick({
    getCallCredentials: () => credentials.createEmpty(),
    getConnectivityState: () => connectivityState.READY,
    getRealSubchannel: () => ({ createCall }),
  });
}
