export type { ChangeEffect, ConfigChange } from './diff.js';
export type { ConfigDocument, ResolverMaker } from './document.js';
export { ConfigError, type ConfigProblem } from './errors.js';
export { type FileSourceOptions, fileSource } from './file-source.js';
export { type ApplyOptions, type ConfigStore, createConfigStore } from './store.js';
export type { ConfigStoreOptions } from './store-options.js';
export type { CallFigures, ConfigPlan, ConfigStoreEvents, ConfigVersion, ServiceComparison } from './version.js';
