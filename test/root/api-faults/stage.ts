import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RCODE } from '#dns/registry/rcodes.ts';
import { Authority } from '#test/fault-proxy/certificates.ts';
import { FaultProxy } from '#test/fault-proxy/fault-proxy.ts';
import { freePort, PROGRAM } from '#test/process.ts';
import type { Testbed } from '#test/testbed.ts';
import { until } from '#test/until.ts';
import { namespace, service, slice, together } from '../cluster-objects.ts';
import { type Known, SteadyLoad } from '../steady-load.ts';
import { AskedServer, CA_FILE, TOKEN_FILE, writeKubeconfig } from './asked-server.ts';
import { isSeen, nextChange } from './change.ts';

const SVC = 'svc.cluster.local.';
const KNOWN: readonly Known[] = [
  { name: `web.known.${SVC}`, type: 'A', rcode: 0, answer: [`web.known.${SVC} IN A 10.96.7.1`] },
  { name: `web.known.${SVC}`, type: 'AAAA', rcode: 0, answer: [] },
  {
    name: `headless.known.${SVC}`,
    type: 'A',
    rcode: 0,
    answer: ['10.244.7.1', '10.244.7.2'].map((address) => `headless.known.${SVC} IN A ${address}`),
  },
  {
    name: '1.7.96.10.in-addr.arpa.',
    type: 'PTR',
    rcode: 0,
    answer: [`1.7.96.10.in-addr.arpa. IN PTR web.known.${SVC}`],
  },
  { name: `nobody.known.${SVC}`, type: 'A', rcode: RCODE.NXDOMAIN, answer: [] },
];
const FIRST_TOKEN = 'first-token';

interface Parts {
  readonly testbed: Testbed;
  readonly proxy: FaultProxy;
  readonly asked: AskedServer;
  readonly load: SteadyLoad;
  readonly folder: string;
  readonly authority: Authority;
}

/** Our program, asked all the time, behind a fault proxy with TLS and a token, in front of a real API server. */
export class Stage {
  readonly testbed: Testbed;
  readonly proxy: FaultProxy;
  readonly asked: AskedServer;
  readonly load: SteadyLoad;
  readonly #folder: string;
  #authority: Authority;

  private constructor({ testbed, proxy, asked, load, folder, authority }: Parts) {
    this.testbed = testbed;
    this.proxy = proxy;
    this.asked = asked;
    this.load = load;
    this.#folder = folder;
    this.#authority = authority;
  }

  /** Everything started, synced and in order. */
  static async set(testbed: Testbed, program = PROGRAM): Promise<Stage> {
    await testbed.apply(
      together(
        namespace('known'),
        service('web', '10.96.7.1', 'known'),
        service('headless', 'None', 'known'),
        slice('headless', ['10.244.7.1', '10.244.7.2'], 'known'),
      ),
    );
    const folder = mkdtempSync(join(tmpdir(), 'cluster-dns-api-faults-'));
    const authority = await Authority.make(folder, 'first');
    const proxy = new FaultProxy({ upstream: testbed.http, tls: await authority.issue() });
    proxy.port = await freePort();
    proxy.token = FIRST_TOKEN;
    await proxy.start();
    copyFileSync(authority.file, join(folder, CA_FILE));
    writeFileSync(join(folder, TOKEN_FILE), FIRST_TOKEN);
    const asked = await AskedServer.start(writeKubeconfig(folder, proxy.url), program);
    const load = await SteadyLoad.udp(asked.dns, KNOWN);
    const stage = new Stage({ testbed, proxy, asked, load, folder, authority });
    try {
      await stage.#begin();
    } catch (error) {
      await stage.strike();
      throw error;
    }
    return stage;
  }

  async #begin(): Promise<void> {
    const { asked, load, proxy, testbed } = this;
    await until(async () => (await asked.ready()) === '200 OK', 'ready');
    load.start();
    asked.pollReady();
    await until(() => proxy.watches() === 3, 'three watches');
    // An event for each kind: now all watches are in order, and whatever the API server said while it started is over.
    const change = nextChange();
    await testbed.apply(change.manifests);
    await until(() => isSeen(change, asked), change.name);
  }

  /** Gives the proxy another certificate and ends all connections. */
  async presentNewCertificate(from: 'same authority' | 'new authority'): Promise<void> {
    if (from === 'new authority') this.#authority = await Authority.make(this.#folder, 'other');
    this.proxy.useCertificate(await this.#authority.issue());
    this.proxy.resetAll();
  }

  /** Tells the server of the authority that the proxy's certificate is from. */
  trustAuthority(): void {
    copyFileSync(this.#authority.file, join(this.#folder, CA_FILE));
  }

  writeToken(token: string): void {
    writeFileSync(join(this.#folder, TOKEN_FILE), `${token}\n`);
  }

  async strike(): Promise<void> {
    this.load.close();
    await this.asked.stop();
    await this.proxy.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
