import { describe, expect, it } from 'vitest';
import { whyNotConnected } from '../../../../adapters/grpc/connections/why-not-connected.js';

const said = (error: string): string => `No connection established. Last error: ${error}. Resolution note: `;

describe('why there is no connection', () => {
  it.each([
    'Error: 80DC:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../record/ssl3_record.c:350:\n',
    'Error: 40F7:error:0A0000C6:SSL routines:tls_get_more_records:packet length too long:../tls_common.c:662:\n',
    'Error: 40F7:error:0A000139:SSL routines::record layer failure:../rec_layer_s3.c:696:\n',
  ])('is a server without TLS, whatever OpenSSL makes of its bytes: %s', (error) => {
    expect(whyNotConnected(said(error))).toMatch(/^No connection established\. Last error: Error: .* speaks no TLS/);
  });

  it('is maybe a server with TLS where it hung up without a word', () => {
    const why = whyNotConnected(said('Failed to connect (2026-11-29T18:42:21.122Z)'));
    expect(why).toMatch(/hung up before its first word of HTTP\/2: if it speaks TLS, use credentials\.createSsl\(\)$/);
  });

  it('is otherwise what grpc-js says of it', () => {
    const refused = 'connect ECONNREFUSED 127.0.0.1:9';
    expect(whyNotConnected(said(refused))).toBe(`No connection established. Last error: ${refused}`);
    expect(whyNotConnected('no HTTP/2 connection within 20 ms')).toBe('no HTTP/2 connection within 20 ms');
  });
});
