export { createAgent, type HttpAgentOptions } from './agent.js';
export type { HttpCall, MeshDispatchOptions } from './call.js';
export { createDispatcher } from './dispatcher.js';
export { type HttpError, type HttpStatus, httpError, httpStatusOf } from './errors.js';
export type { HttpKey, HttpOptions, HttpRequest, HttpServices } from './options.js';
export { RepeatLedger, type SkippedRepeat } from './repeat-ledger.js';
