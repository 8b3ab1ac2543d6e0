export type { AccessEntry, AccessLogger } from './access-log.js';
export type { BackHttp2Options } from './common/back-http2.js';
export type { ExplainedRequest, RequestExplanation } from './explain.js';
export type { UpstreamOptions } from './forward/upstreams.js';
export { createGateway, type Gateway } from './gateway.js';
export type { ForwardedStyle } from './head/forwarded.js';
export type { FrontHttp2Options } from './http2/front-options.js';
export type { GatewayOptions } from './options.js';
export type { FailedRequest, FallbackAnswer, GatewayFallback } from './routes/fallback.js';
