import { PolicyRegistry } from 'fairlead/adapter';
import { builtinPolicies } from '../../../src/balancing/builtin.js';
import { DocumentReaders } from '../../../src/config/document.js';
import { validateDocument } from '../../../src/config/validate.js';
import { parseServices } from '../../../src/discovery/sources/parse-services.js';
import { CANARY, type FuzzTarget } from '../target.js';

const readers = new DocumentReaders(new PolicyRegistry(builtinPolicies));

const document = {
  resolver: { static: { users: ['127.0.0.1:5001', { id: 'b', host: '127.0.0.1', port: 5002, weight: 2 }] } },
  services: {
    users: {
      policy: { peak_ewma: { decayMs: 5_000 } },
      resilience: { deadlineMs: 500, retry: { maxAttempts: 2 }, hedge: true },
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference of the document
      checks: [{ http: { path: '/health', headers: { authorization: '${env:SECRET}' } } }],
      health: [{ consecutive_failures: { failures: 3 } }],
    },
  },
};
const yaml = `
services:
  users: &u
    policy: least_request
    resilience: { deadlineMs: 100 }
  orders: *u
`;
const services = '{"users":["127.0.0.1:5001",{"host":"127.0.0.1","port":1,"tags":["a"],"meta":{"a":"b"}}]}';
const words = [
  '"policy":"maglev"',
  '"policy":{}',
  'resilience',
  '"weight":-1',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference of the document
  '${env:HOME}',
  '${env:',
  'hunderttausend',
  '&a [*a]',
  '!!js/function',
  '? ',
  '- ',
  '<<: *u',
  `"password":"${CANARY}"`,
];

export const configuration: readonly FuzzTarget[] = [
  {
    name: 'configuration',
    examples: [JSON.stringify(document), JSON.stringify(document, null, 2), yaml],
    words,
    // Nothing of it is made: `config.apply` reads with the same readers before it changes a thing.
    read: async (input) => [await validateDocument(input.toString(), 'fuzzed', readers, { HOME: '/', SECRET: CANARY })],
  },
  {
    name: 'file-resolver',
    examples: [services],
    words,
    read: async (input) => [await parseServices(input.toString(), 'json')],
    refusal: (error) => error instanceof Error && !(error instanceof TypeError),
  },
  {
    name: 'file-resolver-yaml',
    examples: ['users:\n  - 127.0.0.1:5001\n  - { host: 127.0.0.1, port: 2, weight: 3 }\n', services],
    words,
    read: async (input) => [await parseServices(input.toString(), 'yaml')],
    refusal: (error) => error instanceof Error && !(error instanceof TypeError),
  },
];
