export type { RequestLike, Respond } from './handler.js';
export { type PrometheusMetrics, type PrometheusOptions, prometheusMetrics } from './metrics.js';
