/** `fairlead/admin`: a page that shows what a mesh does, and lets an operator act on it. */
export { type Admin, createAdmin } from './admin.js';
export type { AdminOptions } from './options.js';
export type {
  AdminEndpoint,
  AdminEvent,
  AdminService,
  AdminState,
  AdminVersion,
} from './state/admin-state.js';
export { applyPatch, type Json } from './state/merge-patch.js';
