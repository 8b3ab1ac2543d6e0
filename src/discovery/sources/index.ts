export { type FallbackOptions, fallback } from './fallback.js';
export { type FileResolverOptions, fileResolver } from './file-resolver.js';
export { type MergeOptions, merge } from './merge.js';
export { type SnapshotOptions, withSnapshot } from './snapshot.js';
export type { Source } from './source.js';
