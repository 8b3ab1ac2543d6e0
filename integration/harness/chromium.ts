import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { requireNative } from './backend.js';
import { debianRelease, fetchPackages } from './native/fetch.js';

/** Where programs that were installed lie. */
const INSTALLED = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Nothing of it asks for anything but our pages. */
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--font-render-hinting=none',
];

/**
 * A real Chromium without a window: the machine's own, or Debian's, unpacked beside the sources. It
 * starts itself again for its parts, so it runs by the machine's own loader, and is of its release.
 */
export async function startChromium(): Promise<Browser> {
  const installed = INSTALLED.find((path) => existsSync(path));
  if (installed !== undefined) return chromium.launch({ executablePath: installed, args: QUIET });
  requireNative('Chromium');
  const suite = debianRelease() ?? 'bookworm';
  const packages = ['chromium', 'fonts-inter', 'fonts-dejavu-core', 'fonts-noto-mono'];
  const root = await fetchPackages({ name: 'chromium', suite, packages });
  const folders = ['usr/lib/chromium', `usr/lib/${triplet()}`, `lib/${triplet()}`, `usr/lib/${triplet()}/pulseaudio`];
  // Its own fonts and no others: a picture is the same on every machine.
  const fonts = join(root, 'fonts.conf');
  await writeFile(fonts, `<?xml version="1.0"?><fontconfig><dir>${join(root, 'usr/share/fonts')}</dir></fontconfig>`);
  return chromium.launch({
    executablePath: join(root, 'usr/lib/chromium/chromium'),
    args: QUIET,
    env: {
      ...process.env,
      LD_LIBRARY_PATH: folders.map((folder) => join(root, folder)).join(':'),
      FONTCONFIG_FILE: fonts,
    },
  });
}

function triplet(): string {
  return process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
}
