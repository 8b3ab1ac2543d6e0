import {
  LATENCY_BOUNDARIES_S,
  REPEAT_BOUNDARIES,
  SIZE_BOUNDARIES,
  TRANSPARENT_RETRY_BOUNDARIES,
} from './boundaries.js';

export interface CallInstrument {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  readonly boundaries: number[];
}

export const ATTEMPTS_STARTED: Omit<CallInstrument, 'boundaries'> = {
  name: 'grpc.client.attempt.started',
  unit: '{attempt}',
  description: 'The total number of RPC attempts started, including those that have not completed.',
};

const bytes = (name: string, description: string): CallInstrument => ({
  name,
  unit: 'By',
  description,
  boundaries: SIZE_BOUNDARIES,
});
const seconds = (name: string, description: string): CallInstrument => ({
  name,
  unit: 's',
  description,
  boundaries: LATENCY_BOUNDARIES_S,
});

type CallHistogram =
  | 'attemptDuration'
  | 'sent'
  | 'received'
  | 'callDuration'
  | 'retries'
  | 'transparentRetries'
  | 'hedges'
  | 'retryDelay';

/** The histograms of calls of gRPC channels and their attempts: gRFC A66, and A96 for repeats. */
export const CALL_HISTOGRAMS: Readonly<Record<CallHistogram, CallInstrument>> = {
  attemptDuration: seconds(
    'grpc.client.attempt.duration',
    'End-to-end time taken to complete an RPC attempt including the time it takes to pick a subchannel.',
  ),
  sent: bytes(
    'grpc.client.attempt.sent_total_compressed_message_size',
    'Total bytes (compressed but not encrypted) sent across all request messages per RPC attempt.',
  ),
  received: bytes(
    'grpc.client.attempt.rcvd_total_compressed_message_size',
    'Total bytes (compressed but not encrypted) received across all response messages per RPC attempt.',
  ),
  callDuration: seconds(
    'grpc.client.call.duration',
    "End-to-end time taken to complete an RPC from the application's perspective.",
  ),
  retries: {
    name: 'grpc.client.call.retries',
    unit: '{retry}',
    description: 'Number of retries during the client call.',
    boundaries: REPEAT_BOUNDARIES,
  },
  transparentRetries: {
    name: 'grpc.client.call.transparent_retries',
    unit: '{transparent_retry}',
    description: 'Number of transparent retries during the client call.',
    boundaries: TRANSPARENT_RETRY_BOUNDARIES,
  },
  hedges: {
    name: 'grpc.client.call.hedges',
    unit: '{hedge}',
    description: 'Number of hedges during the client call.',
    boundaries: REPEAT_BOUNDARIES,
  },
  retryDelay: seconds(
    'grpc.client.call.retry_delay',
    'Total time of delay while there is no active attempt during the client call.',
  ),
};
