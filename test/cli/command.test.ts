import { describe, expect, it } from 'vitest';
import { type Command, Exit, type Io } from '../../cli/command.js';
import { COMMANDS } from '../../cli/commands.js';
import { run } from '../../cli/run.js';

const told: string[] = [];
const io = {
  out: (text: string) => void told.push(text),
  err: (text: string) => void told.push(text),
  color: false,
  commands: COMMANDS,
} as unknown as Io;

describe('a command whose package is not installed', () => {
  const failing = async (error: Error): Promise<readonly [code: number, told: string]> => {
    const command = { options: {}, run: () => Promise.reject(error) } as unknown as Command;
    told.length = 0;
    const code = await run(['x'], { ...io, commands: { x: ['', async () => command] } }, '1.0.0');
    return [code, told.join('')];
  };
  const missing = (message: string, code = 'ERR_MODULE_NOT_FOUND') => Object.assign(new Error(message), { code });

  it('says which one to install, however deep the cause lies', async () => {
    const message = (name: string): string => `fairlead This needs the package ${name}: npm install ${name}\n`;
    const deep = new Error('a', { cause: new Error('b', { cause: missing("Cannot find package 'yaml' from /x.js") }) });
    expect(await failing(missing("Cannot find package 'undici' imported from /x.js"))).toEqual([2, message('undici')]);
    expect(await failing(missing("Cannot find package '@grpc/grpc-js' imported from /x.js"))).toEqual([
      Exit.usage,
      message('@grpc/grpc-js'),
    ]);
    expect(await failing(missing("Cannot find module 'yaml/dist'", 'MODULE_NOT_FOUND'))).toEqual([2, message('yaml')]);
    expect(await failing(deep)).toEqual([2, message('yaml')]);
  });

  it('tells any other error as it is', async () => {
    expect(await failing(missing('something else'))).toEqual([Exit.found, 'fairlead something else\n']);
    expect(await failing(missing("Cannot find module './mine.js'"))).toEqual([
      1,
      "fairlead Cannot find module './mine.js'\n",
    ]);
  });
});

describe('the help of a command', () => {
  it.each(Object.keys(COMMANDS))('%s: has its options, and examples that name it', async (name) => {
    told.length = 0;
    expect(await run([name, '--help'], io, '1.0.0')).toBe(0);
    const out = told.join('');
    expect(out).toContain(`Usage: fairlead ${name}`);
    for (const option of Object.keys((await COMMANDS[name]![1]()).options)) expect(out).toContain(`--${option}`);
    expect(out.split('Examples:\n')[1]).toMatch(new RegExp(`fairlead ${name}\\b`));
  });
});
