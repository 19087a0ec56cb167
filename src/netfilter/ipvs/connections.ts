import { serviceText } from './virtual-server.ts';

/**
 * Reads `ipvsadm --list -n`: how many connections, active and inactive, each real server has, by the service's text and the server's
 * `ADDRESS:PORT`, with a space between.
 */
export const parseConnections = (text: string): ReadonlyMap<string, number> => {
  const connections = new Map<string, number>();
  let service = '';
  for (const line of text.split('\n')) {
    const [first = '', socket = '', , , active, inactive] = line.trim().split(/\s+/);
    const protocol = first.toLowerCase();
    if (protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp') {
      const at = socket.lastIndexOf(':');
      const address = socket.slice(0, at).replace(/^\[|\]$/g, '');
      service = serviceText({ protocol, address, port: Number(socket.slice(at + 1)) });
    } else if (first === '->' && inactive !== undefined && /^\d+$/.test(inactive))
      connections.set(`${service} ${socket}`, Number(active) + Number(inactive));
  }
  return connections;
};
