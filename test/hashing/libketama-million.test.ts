import { createHash } from 'node:crypto';
import { KeyRing } from 'fairlead/hashing';
import { expect, it } from 'vitest';

it("a ring reproduces the digest of libketama's own test over a million keys", () => {
  // RJ/ketama, libketama/test.sh and ketama.servers.
  const memory = [600, 300, 200, 350, 1_000, 800, 950, 100];
  const names = memory.map((_, i) => `10.0.1.${i + 1}:11211`);
  const ring = new KeyRing({ compatibility: 'libketama' });
  ring.update(names.map((id, i) => ({ id, weight: memory[i]! })));
  const digest = createHash('md5').update('\n');
  let lines = '';
  for (let i = 0; i < 1_000_000; i++) {
    const hash = ring.hash(`${i}`);
    const at = ring.ring.find(hash);
    lines += `${hash >>> 0} ${ring.ring.points[at]} ${names[ring.ring.owners[at]!]}\n`;
    if (lines.length > 100_000) {
      digest.update(lines);
      lines = '';
    }
  }
  expect(digest.update(lines).digest('hex')).toBe('5672b131391f5aa2b280936aec1eea74');
});
