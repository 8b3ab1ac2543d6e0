import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * The reaper: a shell that sleeps on a pipe from this process. However this process ends (done,
 * crashed, Ctrl-C, SIGKILL), the pipe closes; then the reaper runs each `*.undo` file of the run
 * folder and deletes the folder. It has a session of its own, so a Ctrl-C in the terminal does not
 * reach it.
 */
const REAPER =
  'cat >/dev/null; for undo in "$0"/*.undo; do [ -e "$undo" ] && sh "$undo" >/dev/null 2>&1; done; rm -rf "$0"';

let folder: string | undefined;
let count = 0;

/**
 * The folder that holds all data, logs and undo files of this process's servers; gone, with the
 * servers, when this process is.
 */
function runFolder(): string {
  if (folder !== undefined) return folder;
  folder = mkdtempSync(join(tmpdir(), 'fairlead-servers-'));
  const reaper = spawn('/bin/sh', ['-c', REAPER, folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
  });
  reaper.unref();
  // The pipe must not keep the test run alive either; sockets have unref, and a child's stdin is
  // one.
  (reaper.stdin as unknown as { unref(): void }).unref();
  return folder;
}

/** A new folder for one server, named after it. */
export function serverFolder(name: string): string {
  count += 1;
  const path = join(runFolder(), `${count}-${name}`);
  mkdirSync(path);
  return path;
}

/**
 * Makes sure that `command` (shell) runs if this process ends without calling the returned
 * function.
 */
export function undoAtExit(command: string): () => void {
  count += 1;
  const file = join(runFolder(), `${count}.undo`);
  writeFileSync(file, command);
  return () => rmSync(file, { force: true });
}
