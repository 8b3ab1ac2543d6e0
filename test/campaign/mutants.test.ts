import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const folder = `${root}integration/campaign/mutants/`;
const patches = readdirSync(folder);

describe('each mutant of the campaign', () => {
  it('is a patch; there are some', () => {
    expect(patches.length).toBeGreaterThan(15);
    expect(patches.filter((file) => !file.endsWith('.patch'))).toEqual([]);
  });

  it.each(patches)('%s says what it takes out, who should notice and by what, and still applies', (file) => {
    expect(readFileSync(folder + file, 'utf8')).toMatch(
      /^[A-Z].{10,100}\npart: (redis|grpc|connect|mysql|mariadb|web|calls)\n(breaks: .+\n)?diff --git /,
    );
    execFileSync('git', ['apply', '--check', folder + file], { cwd: root, stdio: 'pipe' });
  });
});
