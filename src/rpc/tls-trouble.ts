/**
 * Why two ends do not come together over TLS. grpc-js says of all of it that no connection was made: the text of the
 * last error shows some cases, and where there is none a handshake by hand shows the rest.
 */
import { connect } from 'node:tls';
import { parseAddress } from './address.js';
import { readTls, type TlsFiles } from './channel.js';
import type { TransportReason } from './service.js';

/** Which TLS setting of the two ends does not fit, as the parts of an error for the user. */
export interface Trouble {
  readonly reason: TransportReason;
  readonly message: string;
  readonly hint: string;
}

const UNTRUSTED = /unable to (verify|get)|self[- ]signed|unknown ca\b|signature failure/i;
const OTHER_NAME = /ALTNAME|does not match certificate/i;
const OUT_OF_DATE = /certificate (has expired|is not yet valid)/i;
const NO_TLS = /wrong version number|packet length too long|unknown protocol|record layer failure/i;

/** What the other side's TLS says of a caller's certificate, or of there being none. */
const REFUSED = /\balert (certificate required|bad certificate|unknown ca)\b/i;

const PROBE_MS = 3_000;

/** `details` is what gRPC says of a server that could not be reached; undefined when TLS has no part in it. */
export async function tlsTrouble(
  details: string,
  peer: string,
  address: string,
  tls: TlsFiles | undefined,
): Promise<Trouble | undefined> {
  if (tls !== undefined && REFUSED.test(details)) return callerRefused(peer, address, tls);
  const told = certificateTrouble(details, peer, address);
  if (told !== undefined) return told;
  if (NO_TLS.test(details)) return plainServer(peer, address);
  const target = parseAddress(address);
  if (target.kind === 'unix' || !/Failed to connect|ECONNRESET|EPIPE|socket hang up/.test(details)) return undefined;
  const found = await handshake(target.host.replace(/^\[|\]$/g, ''), Number(target.target.split(':').at(-1)), tls);
  if (found === undefined) return undefined;
  if (tls === undefined) return tlsServer(peer, address);
  return found === 'refused' ? callerRefused(peer, address, tls) : undefined;
}

function certificateTrouble(details: string, peer: string, address: string): Trouble | undefined {
  const not = (why: string, hint: string): Trouble => ({
    reason: 'unauthenticated',
    message: `a ${peer} answers at ${address}, but its certificate ${why}`,
    hint,
  });
  if (OTHER_NAME.test(details)) {
    return not('is for another name', 'Dial a name that the certificate carries.');
  }
  if (OUT_OF_DATE.test(details)) return not('has expired or is not yet valid', 'Renew it, and look at the clocks.');
  if (UNTRUSTED.test(details)) {
    const hint = 'Set MRPO_TLS_CA to the certificate (PEM) of the authority that signed it.';
    return not('is not signed by an authority that this side trusts', hint);
  }
  return undefined;
}

const plainServer = (peer: string, address: string): Trouble => ({
  reason: 'protocol',
  message: `what answers at ${address} speaks plain text, and this side TLS`,
  hint: `Start the ${peer} with --tls-cert and --tls-key; or unset MRPO_TLS_CA, MRPO_TLS_CERT and MRPO_TLS_KEY.`,
});

const tlsServer = (peer: string, address: string): Trouble => ({
  reason: 'protocol',
  message: `the ${peer} at ${address} speaks TLS, and this side plain text`,
  hint: 'Set MRPO_TLS_CA to the certificate (PEM) of its authority.',
});

const callerRefused = (peer: string, address: string, { cert }: TlsFiles): Trouble => ({
  reason: 'unauthenticated',
  message:
    cert === undefined
      ? `the ${peer} at ${address} asks for a client certificate, and this side has none`
      : `the ${peer} at ${address} does not accept the client certificate ${cert}`,
  hint: 'Set MRPO_TLS_CERT and MRPO_TLS_KEY to a certificate that its authority (--tls-client-ca) signed.',
});

/** Whether a caller is welcome who trusts every server; undefined where no TLS is spoken. */
function handshake(host: string, port: number, tls: TlsFiles | undefined): Promise<'welcome' | 'refused' | undefined> {
  const { ca, cert, key } = readTls(tls ?? {});
  const files = { ca: ca ?? undefined, cert: cert ?? undefined, key: key ?? undefined };
  return new Promise((resolve) => {
    const socket = connect({ host, port, ...files, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    let spoken = false;
    const end = (found: 'welcome' | 'refused' | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(found);
    };
    const timer = setTimeout(() => end(spoken ? 'welcome' : undefined), PROBE_MS);
    socket.once('secureConnect', () => (spoken = true));
    socket.once('data', () => end('welcome')); // a gRPC server greets first
    socket.once('error', (error: Error) => end(spoken || /alert/.test(error.message) ? 'refused' : undefined));
    socket.once('close', () => end(spoken ? 'refused' : undefined));
  });
}
