// Ends with 0 where the server in this container is well: Docker's HEALTHCHECK, which has neither a shell nor curl here.
//
// Asks `health` where it is by default, and where nobody listens there, DNS: any reply to a header alone, which the server gives
// itself, will do. CLUSTER_DNS_HEALTH names what to ask in place of both: http://127.0.0.1:8081/health, dns://127.0.0.1:1053.
import { createSocket } from 'node:dgram';
import { get } from 'node:http';

const TIMEOUT_MS = 2000;
const { CLUSTER_DNS_HEALTH } = process.env;
const asked = CLUSTER_DNS_HEALTH ? [CLUSTER_DNS_HEALTH] : ['http://127.0.0.1:8080/health', 'dns://127.0.0.1:53'];

const http = (url) =>
  new Promise((resolve, reject) => {
    get(url, ({ statusCode }) => resolve(statusCode === 200)).on('error', reject);
  });

const dns = ({ hostname, port }) =>
  new Promise((resolve, reject) => {
    const socket = createSocket(hostname.startsWith('[') ? 'udp6' : 'udp4');
    socket.on('error', reject);
    socket.on('message', () => resolve(true));
    socket.connect(Number(port || 53), hostname.replace(/^\[(.*)\]$/, '$1'), () => socket.send(Buffer.alloc(12)));
  });

setTimeout(() => process.exit(1), TIMEOUT_MS);
for (const text of asked) {
  const url = new URL(text);
  try {
    process.exit((await (url.protocol === 'dns:' ? dns(url) : http(url))) ? 0 : 1);
  } catch {} // nobody there
}
process.exit(1);
