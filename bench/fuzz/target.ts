import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addressRecord } from '#dns/record.ts';
import type { Endpoint } from '#test/dns-client.ts';
import { FakeUpstream } from '#test/fake-upstream.ts';
import { freePort, type ServerProcess, startProcess } from '#test/process.ts';

/** What the upstream says to everything. */
const ADDRESS = Uint8Array.of(192, 0, 2, 1);

/** What is looked at from outside while it is fuzzed. */
export interface Health {
  readonly residentMiB: number;
  readonly descriptors: number;
  readonly panics: number;
  readonly threadRestarts: number;
  readonly tcpConnections: number;
  readonly logLines: number;
}

/** The built server with the examples and kubeadm's Corefile, and the upstream that it forwards to. */
export class Target {
  readonly endpoint: Endpoint;
  readonly server: ServerProcess;
  readonly #upstream: FakeUpstream;
  readonly #metricsPort: number;
  readonly #directory: string;

  private constructor(
    endpoint: Endpoint,
    server: ServerProcess,
    upstream: FakeUpstream,
    metricsPort: number,
    directory: string,
  ) {
    this.endpoint = endpoint;
    this.server = server;
    this.#upstream = upstream;
    this.#metricsPort = metricsPort;
    this.#directory = directory;
  }

  /** `program`: dist/cluster-dns.js; `manifests`: the directory of examples. */
  static async start(program: string, manifests: string, args: readonly string[] = []): Promise<Target> {
    const upstream = await FakeUpstream.open((asked) => {
      upstream.asked.length = 0;
      const [question] = asked.message.questions;
      if (question !== undefined) asked.reply({ answer: [addressRecord(question.name, 300, ADDRESS)] });
    });
    const endpoint: Endpoint = { address: '127.0.0.1', port: await freePort() };
    const metricsPort = await freePort();
    const directory = mkdtempSync(join(tmpdir(), 'cluster-dns-fuzz-'));
    const file = join(directory, 'Corefile');
    writeFileSync(
      file,
      `.:${endpoint.port} {
    bind ${endpoint.address}
    errors
    health 127.0.0.1:${await freePort()}
    ready 127.0.0.1:${await freePort()}
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus 127.0.0.1:${metricsPort}
    forward . ${upstream.address} {
        max_concurrent 1000
        expire 2s
    }
    cache 30
    loop
    reload
    loadbalance
}
`,
    );
    const server = await startProcess(['-conf', file, '-manifests', manifests, ...args], { program });
    return new Target(endpoint, server, upstream, metricsPort, directory);
  }

  async health(): Promise<Health> {
    const text = await (await fetch(`http://127.0.0.1:${this.#metricsPort}/metrics`)).text();
    const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
    return {
      residentMiB: this.server.residentMiB(),
      descriptors: readdirSync(`/proc/${this.server.pid}/fd`).length,
      panics: value('coredns_panics_total'),
      threadRestarts: value('cluster_dns_udp_thread_restarts_total'),
      tcpConnections: value('cluster_dns_tcp_connections'),
      logLines: this.server.lines.length,
    };
  }

  async stop(): Promise<number> {
    const code = await this.server.stop();
    await this.#upstream.close();
    rmSync(this.#directory, { recursive: true, force: true });
    return code;
  }
}
