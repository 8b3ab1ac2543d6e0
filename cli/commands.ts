import type { Commands } from './command.js';

/** What each is for, and where it is: a command is loaded when it is asked for. */
export const COMMANDS: Commands = {
  demo: ['a mesh over servers that fail, with its page', async () => (await import('./demo.js')).command],
  top: ['all services of a process, live', async () => (await import('./top.js')).command],
  watch: ['the endpoints of one service, live', async () => (await import('./watch.js')).command],
  explain: ['which endpoint a call would get now, and why', async () => (await import('./explain.js')).command],
  check: ['what is wrong with a configuration', async () => (await import('./check.js')).command],
  diff: ['what changed from one configuration to another', async () => (await import('./diff.js')).command],
  ring: ['who owns a key, and what moves', async () => (await import('./ring.js')).command],
  route: ['where a statement of MySQL would go', async () => (await import('./route.js')).command],
  simulate: ['policies against each other, in simulated time', async () => (await import('./simulate.js')).command],
  gateway: ['a reverse proxy by a configuration', async () => (await import('./gateway.js')).command],
  completion: ['completion for bash, zsh or fish', async () => (await import('./completion.js')).command],
};
