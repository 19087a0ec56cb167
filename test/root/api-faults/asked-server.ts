import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Message } from '#dns/decode.ts';
import { ask, type Endpoint } from '#test/dns-client.ts';
import { freePort, type ServerProcess, startProcess } from '#test/process.ts';

export const TOKEN_FILE = 'token';
export const CA_FILE = 'ca.crt';

/** Writes a kubeconfig for a server into a folder, with the token and the CA in files beside it; gives its path. */
export const writeKubeconfig = (folder: string, server: string): string => {
  const file = join(folder, 'kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'cluster', cluster: { server, 'certificate-authority': CA_FILE } }],
    users: [{ name: 'user', user: { tokenFile: TOKEN_FILE } }],
    contexts: [{ name: 'context', context: { cluster: 'cluster', user: 'user' } }],
    'current-context': 'context',
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
};

interface Ports {
  readonly dns: number;
  readonly ready: number;
  readonly metrics: number;
}

/** Our program as a process at an API server, and what can be asked of it. */
export class AskedServer {
  readonly process: ServerProcess;
  readonly dns: Endpoint;
  /** What `/ready` said other than 200 since it is polled, and how often it was asked. */
  readonly notReady = new Set<string>();
  readyAsked = 0;
  readonly #ports: Ports;
  #isStopping = false;
  #polling: Promise<void> = Promise.resolve();

  private constructor(process: ServerProcess, ports: Ports) {
    this.process = process;
    this.dns = { address: '127.0.0.1', port: ports.dns };
    this.#ports = ports;
  }

  /**
   * Resolves when it listens, which is after at most 200 ms whether or not the API server is there. `more`: lines of the kubernetes
   * block, of which the last of a kind counts.
   */
  static async start(kubeconfig: string, program: string, more = ''): Promise<AskedServer> {
    const [dns, ready, metrics] = [await freePort(), await freePort(), await freePort()];
    const corefile = `.:${dns} {
    bind 127.0.0.1
    errors
    ready 127.0.0.1:${ready}
    kubernetes cluster.local in-addr.arpa {
        kubeconfig ${kubeconfig} context
        startup_timeout 200ms
        ttl 30
        ${more}
    }
    prometheus 127.0.0.1:${metrics}
    cache 30
}
`;
    const process = await startProcess(['-conf', 'stdin'], { stdin: corefile, program });
    return new AskedServer(process, { dns, ready, metrics });
  }

  query(name: string, type = 'A'): Promise<Message> {
    return ask(this.dns, name, type);
  }

  /** The IPv4 addresses that a name has now, as text. */
  async addresses(name: string): Promise<string> {
    const { answer } = await this.query(name);
    return answer.map(({ rdata }) => [...rdata].join('.')).join();
  }

  /** Status and body of `/ready`. */
  async ready(): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.#ports.ready}/ready`);
    return `${response.status} ${await response.text()}`;
  }

  /** Asks `/ready` all the time from now on. */
  pollReady(): void {
    const run = async (): Promise<void> => {
      for (; !this.#isStopping; await delay(20)) {
        const said = await this.ready().catch((error: Error) => error.message);
        this.readyAsked++;
        if (said !== '200 OK') this.notReady.add(said);
      }
    };
    this.#polling = run();
  }

  async scrape(): Promise<string> {
    return await (await fetch(`http://127.0.0.1:${this.#ports.metrics}/metrics`)).text();
  }

  /** How far behind each kind is. */
  async staleSeconds(): Promise<Record<string, number>> {
    const lines = (await this.scrape()).matchAll(/^cluster_dns_kubernetes_stale_seconds\{kind="(\w+)"\} (.*)$/gm);
    return Object.fromEntries([...lines].map(([, kind, value]) => [kind, Number(value)]));
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#polling;
    await this.process.stop();
  }
}
