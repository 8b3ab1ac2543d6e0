import { describe, expect, it } from 'vitest';
import { mainArchive, readDeb822, readSourcesList } from '../../integration/harness/native/apt-sources.js';

// The samples follow sources.list(5) of apt 2.6 and the files that Debian's installer and its
// container images write.
describe('readSourcesList', () => {
  it('reads one source a line, with and without options, and leaves out comments and source packages', () => {
    const text = [
      '# deb cdrom:[Debian GNU/Linux 12]/ bookworm main',
      'deb http://mirror.example/debian bookworm main contrib # the mirror',
      'deb-src http://mirror.example/debian bookworm main',
      'deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] https://x.example/apt stable main',
    ].join('\n');
    expect(readSourcesList(text)).toEqual([
      {
        uri: 'http://mirror.example/debian',
        suites: ['bookworm'],
        components: ['main', 'contrib'],
        signedBy: undefined,
      },
      { uri: 'https://x.example/apt', suites: ['stable'], components: ['main'], signedBy: '/usr/share/keyrings/x.gpg' },
    ]);
  });
});

describe('readDeb822', () => {
  it('reads stanzas with several suites and addresses, continued lines and comments', () => {
    const text = [
      '# The main archive',
      'Types: deb deb-src',
      'URIs: http://one.example/debian',
      ' http://two.example/debian',
      'Suites: bookworm bookworm-updates',
      '# between fields',
      'Components: main',
      'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg',
      '',
      'Types: deb-src',
      'URIs: http://source.example/debian',
      'Suites: bookworm',
      'Components: main',
      '',
      'Enabled: no',
      'Types: deb',
      'URIs: http://off.example/debian',
      'Suites: bookworm',
      'Components: main',
    ].join('\n');
    const rest = {
      suites: ['bookworm', 'bookworm-updates'],
      components: ['main'],
      signedBy: '/usr/share/keyrings/debian-archive-keyring.gpg',
    };
    expect(readDeb822(text)).toEqual([
      { uri: 'http://one.example/debian', ...rest },
      { uri: 'http://two.example/debian', ...rest },
    ]);
  });

  it('unfolds a key that the file itself carries', () => {
    const text = [
      'Types: deb',
      'URIs: http://mirror.example/debian',
      'Suites: trixie',
      'Components: main',
      'Signed-By:',
      ' -----BEGIN PGP PUBLIC KEY BLOCK-----',
      ' .',
      ' mDMEY',
      ' -----END PGP PUBLIC KEY BLOCK-----',
    ].join('\n');
    expect(readDeb822(text)[0]?.signedBy).toBe(
      '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEY\n-----END PGP PUBLIC KEY BLOCK-----\n',
    );
  });
});

describe('mainArchive', () => {
  const source = (uri: string, ...suites: string[]) => ({ uri, suites, components: ['main'], signedBy: undefined });

  it('prefers the source of the release itself over security updates and other vendors', () => {
    const sources = [
      source('https://vendor.example/apt', 'stable'),
      source('http://security.example/debian-security', 'bookworm-security'),
      source('http://mirror.example/debian', 'bookworm', 'bookworm-updates'),
    ];
    expect(mainArchive(sources, 'bookworm')?.uri).toBe('http://mirror.example/debian');
  });

  it('takes a rolling suite where the release is named by it, and nothing where only a disc is', () => {
    expect(mainArchive([source('http://mirror.example/debian', 'sid')], 'forky')?.uri).toBe(
      'http://mirror.example/debian',
    );
    expect(mainArchive([source('cdrom:[Debian]/', 'bookworm')], 'bookworm')).toBeUndefined();
  });
});
