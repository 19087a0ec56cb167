import { connect } from 'node:tls';
import type { Endpoint, TlsSettings } from './endpoint.ts';
import type { StreamDialer } from './exchange-tcp.ts';

/** DNS over TLS (RFC 7858). A session is resumed where the upstream gave a ticket, which saves a round trip and most of the handshake's CPU. */
export const tlsDialer = ({ host, port, sourceAddress }: Endpoint, tls: TlsSettings): StreamDialer => {
  let session: Buffer | undefined;
  return {
    readyEvent: 'secureConnect',
    dial: () => {
      const socket = connect({
        host,
        port,
        secureContext: tls.context,
        minVersion: 'TLSv1.2',
        ...(tls.serverName !== '' && { servername: tls.serverName }),
        ...(sourceAddress !== null && { localAddress: sourceAddress }),
        ...(session !== undefined && { session }),
      });
      socket.on('session', (ticket) => {
        session = ticket;
      });
      // A ticket that the upstream no longer likes must not keep us out.
      socket.on('error', () => {
        session = undefined;
      });
      return socket;
    },
  };
};
