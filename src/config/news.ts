import type { Mesh } from '../mesh.js';
import { publishNews } from '../telemetry/news.js';
import type { ConfigStore } from './contract.js';

/** What becomes of documents, for logs. */
export function tellNews(store: Pick<ConfigStore, 'on'>, mesh: Mesh): void {
  store.on('applied', ({ number, source, changes }) => {
    const isBack = source.startsWith('rollback to ');
    const what = isBack ? `configuration: ${source}` : 'configuration: a new version is in force';
    const count = changes.length === 1 ? '1 change' : `${changes.length} changes`;
    publishNews(mesh, isBack ? 'warn' : 'info', `${what}, ${count}`, `version ${number}`);
  });
  store.on('unkept', ({ path, error }) => {
    publishNews(mesh, 'warn', `configuration: the last good document is not kept: ${error.message}`, path);
  });
  store.on('refused', ({ source, error }) => {
    publishNews(mesh, 'warn', `configuration refused: ${error.message}`, source);
  });
}
