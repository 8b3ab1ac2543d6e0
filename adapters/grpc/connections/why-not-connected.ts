/**
 * What grpc-js says of an attempt to connect that failed, and what to do about it where its words
 * need knowledge of OpenSSL, or say nothing: "Failed to connect" is a peer that accepted and closed
 * before its first word of HTTP/2, as one does that is called without the TLS that it speaks.
 */
export function whyNotConnected(said: string): string {
  const plain = said.replace(EMPTY_NOTE, '').replace(/\s+/g, ' ').trim();
  if (/wrong version number|packet length too long|record layer failure/i.test(plain)) {
    return `${plain}: the server speaks no TLS on this port: use credentials.createInsecure(), or its TLS port`;
  }
  if (plain.includes('Failed to connect')) {
    return `${plain}: the server hung up before its first word of HTTP/2: if it speaks TLS, use credentials.createSsl()`;
  }
  return plain;
}

/** How grpc-js ends it, where a resolver has noted nothing. */
const EMPTY_NOTE = /\.? Resolution note: $/;
