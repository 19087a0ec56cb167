// What names take in `cache`, measured, beside what `cluster_dns_cache_bytes` says of them.
//
//   node bench/run.mjs cache-memory
//
// Replies come as messages of an upstream: two in three an address behind a name of a cluster, one in three an NXDOMAIN with its SOA. Each is
// asked for twice, as a name in use is, and between two of them as many octets are made and dropped as sending a reply takes.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { decodeMessage, WireFault } from '#dns/decode.ts';
import { encodeMessage } from '#dns/encode.ts';
import { wireNameFromText } from '#dns/name.ts';
import { addressRecord } from '#dns/record.ts';
import { recordFromText } from '#dns/record-text.ts';
import { Answer, Generations, type Instance } from '#plugin/index.ts';
import { setupPlugin, testQuery, testServices } from '#plugin/testing.ts';
import cache from '#plugins/cache/index.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const soa = recordFromText(
  'cluster.local. 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 30',
);

const replyTo = (name: string, isDenial: boolean): Answer => {
  const owner = wireNameFromText(name);
  const bytes = encodeMessage(
    {
      id: 1,
      flags: 0x8500,
      opcode: 0,
      rcode: isDenial ? 3 : 0,
      question: { name: owner, type: 1, class: 1 },
      answer: isDenial ? [] : [addressRecord(owner, 30, Uint8Array.of(10, 0, 0, 1))],
      authority: isDenial ? [soa] : [],
      additional: [],
      opt: null,
    },
    512,
  );
  const message = decodeMessage(bytes);
  if (message instanceof WireFault) throw new Error(message.reason);
  return new Answer(message);
};

/** Octets of everything, garbage collected. */
const taken = (): number => {
  for (let i = 0; i < 3; i++) collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

/** What is measured, so that it is not collected with the rest. */
let instance: Instance | null = null;

const measure = (names: number): void => {
  instance = null;
  const generations = new Generations();
  const services = testServices({ generations });
  const stanza = `cache {\nsuccess ${2 * names}\ndenial ${2 * names}\n}`;
  instance = setupPlugin(cache, stanza, { services }).instance;
  const { handle } = instance as Required<Instance>;
  const before = taken();
  let sent = 0;
  for (let i = 0; i < names; i++) {
    const name = `svc-${i}.namespace-${i % 50}.svc.cluster.local.`;
    for (let k = 0; k < 2; k++) {
      handle(testQuery(name, 'A', { generations }), () => replyTo(name, i % 3 === 2));
      sent += Buffer.allocUnsafe(150).length;
    }
  }
  const each = (octets: number): string => `${Math.round(octets / names)}`;
  const after = taken();
  let said = 0;
  for (const type of ['success', 'denial'])
    said += services.metrics
      .gauge({ name: 'cluster_dns_cache_bytes', help: '', labels: ['server', 'type', 'zones', 'view'] })
      .at('dns://:53', type, '.', '').value;
  console.log(`${names} names: ${each(after - before)} octets each, said to be ${each(said)}; ${sent} sent`);
};

for (const names of [1000, 10_000, 100_000]) measure(names);
