// Prints a dnsperf query file over Services svc-0 ... svc-N in namespaces load-0 ... load-9, as the load generator of a test bed makes them.
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { services: { type: 'string', default: '5000' }, kind: { type: 'string', default: 'a' } },
});
const count = Number(values.services);
const zone = 'svc.cluster.local';

/** A search path's misses before the name itself, as a pod with ndots:5 sends them. */
const searched = (name: string): string[] => [
  `${name}.load-1.${zone}`,
  `${name}.${zone}`,
  `${name}.cluster.local`,
  name,
];

for (let i = 0; i < count; i++) {
  const name = `svc-${i}.load-${i % 10}.${zone}`;
  if (values.kind === 'a') console.log(`${name} A`);
  else if (values.kind === 'srv') console.log(`${name} SRV`);
  else if (values.kind === 'nxdomain') console.log(`missing-${i}.load-${i % 10}.${zone} A`);
  else if (values.kind === 'mix')
    for (const asked of searched(name)) for (const type of ['A', 'AAAA']) console.log(`${asked} ${type}`);
  else throw new Error(`--kind ${values.kind} is none of a, srv, nxdomain, mix`);
}
