/** What a cache on a node does while the cluster's DNS, behind its Service, is away: real packets, real processes, in a network namespace. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RCODE } from '#dns/registry/rcodes.ts';
import { run } from '#test/command.ts';
import { ask } from '#test/dns-client.ts';
import { enterNamespace } from '#test/packet-lab/in-namespace.ts';
import { Namespaces } from '#test/packet-lab/namespaces.ts';
import { type ServerProcess, startProcess } from '#test/process.ts';
import { until } from '#test/until.ts';
import { missing, titled } from './needs.ts';

const TITLE = 'the cluster DNS is away';
const reason = await missing(TITLE, ['root', 'ip', 'nft']);

const SERVICE = '10.96.0.10';
const PODS = ['10.244.0.1', '10.244.0.2'] as const;
const CACHE = { address: '169.254.20.10', port: 53 };
const METRICS = `${CACHE.address}:9253`;

/** As kube-proxy has it: each connection, and each UDP flow, to one of the Pods. */
const KUBE_PROXY = `table ip proxy {
  chain output {
    type nat hook output priority -100;
    ip daddr ${SERVICE} dnat ip to numgen random mod 2 map { 0 : ${PODS[0]}, 1 : ${PODS[1]} }
  }
}
`;

/** Packets to these addresses are lost on their way. */
const hole = (addresses: readonly string[]): string => `table ip hole {
  chain input {
    type filter hook input priority 0;
    ip daddr { ${addresses.join(', ')} } drop
  }
}
`;

/** What kube-proxy does with a Service that has no endpoints. */
const REJECTING = `table ip hole {
  chain output {
    type filter hook output priority -200;
    ip daddr ${SERVICE} reject
  }
}
`;

const POD_COREFILE = (address: string): string => `cluster.local {
    bind ${address}
    hosts {
        192.0.2.1 expiring.cluster.local
        ttl 1
        fallthrough
    }
    whoami
}
lasting.cluster.local {
    bind ${address}
    hosts {
        192.0.2.1 lasting.cluster.local
        ttl 60
    }
}
`;

const CACHE_COREFILE = `cluster.local {
    bind ${CACHE.address}
    cache {
        success 9984 30 1
        denial 9984 1
        serve_stale 1h verify 1800ms 5s 1s
    }
    forward . ${SERVICE} {
        force_tcp
        udp_fallback
        max_age 30s
        timeout 1800ms
    }
    prometheus ${METRICS}
}
`;

/** What became of queries for one kind of name. */
class Tally {
  readonly outcomes = new Map<string, number>();
  slowestMs = 0;
  count = 0;
  readonly #pending: Promise<void>[] = [];

  ask(name: string): void {
    const askedAtMs = performance.now();
    const noted = (outcome: string): void => {
      this.slowestMs = Math.max(this.slowestMs, performance.now() - askedAtMs);
      this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
      this.count++;
    };
    const asked = ask(CACHE, name, 'A').then(({ rcode }) => noted(rcode === RCODE.NOERROR ? 'answered' : `${rcode}`));
    this.#pending.push(asked.catch((error: Error) => noted(error.message)));
  }

  async all(): Promise<void> {
    await Promise.all(this.#pending);
  }

  get text(): string {
    const outcomes = [...this.outcomes].map(([outcome, count]) => `${count} ${outcome}`).join(', ');
    return `${outcomes}, the slowest after ${this.slowestMs.toFixed(0)} ms`;
  }
}

let asked = 0;
const neverAsked = (): string => `n${asked++}.cluster.local`;

const closing: (() => unknown)[] = [];
let pods: ServerProcess[] = [];

const startPod = async (address: string): Promise<ServerProcess> => {
  const pod = await startProcess(['-conf', 'stdin'], { stdin: POD_COREFILE(address) });
  closing.push(() => {
    pod.signal('SIGCONT');
    return pod.stop();
  });
  return pod;
};

const nft = (text: string): Promise<unknown> => run('nft', ['-f', '-'], { stdin: text });

const sample = async (series: string): Promise<number> => {
  const text = await (await fetch(`http://${METRICS}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${series}{`));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
};

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  beforeEach(async () => {
    const namespaces = new Namespaces();
    await namespaces.add(['node']);
    const leave = enterNamespace(`/run/netns/${namespaces.nameOf('node')}`);
    closing.push(
      () => namespaces.remove(),
      () => leave(),
    );
    await run('ip', ['link', 'set', 'lo', 'up']);
    for (const address of [...PODS, CACHE.address]) await run('ip', ['address', 'add', `${address}/32`, 'dev', 'lo']);
    await run('ip', ['route', 'add', `${SERVICE}/32`, 'dev', 'lo', 'src', CACHE.address]);
    await nft(KUBE_PROXY);
    pods = await Promise.all(PODS.map(startPod));
    const cache = await startProcess(['-conf', 'stdin'], { stdin: CACHE_COREFILE });
    closing.push(() => cache.stop());
    for (const name of ['lasting.cluster.local', 'expiring.cluster.local'])
      expect((await ask(CACHE, name, 'A')).answer).toHaveLength(1);
  });
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  it('no query is lost when the node of one Pod vanishes, though new connections are still sent there', async () => {
    const tally = new Tally();
    const load = async (queries: number): Promise<void> => {
      for (const end = asked + queries; asked < end; await delay(5)) tally.ask(neverAsked());
    };
    await load(100);
    await nft(hole([PODS[0]]));
    await load(300);
    await tally.all();
    console.log(`one Pod of two vanished: ${tally.text}`);
    expect([...tally.outcomes]).toEqual([['answered', tally.count]]);
  });

  it.each([
    {
      how: 'packets are lost',
      leave: () => nft(hole(PODS)),
      comeBack: () => nft('delete table ip hole\n'),
    },
    {
      how: 'its processes stand still',
      leave: () => pods.map((pod) => pod.signal('SIGSTOP')),
      comeBack: () => pods.map((pod) => pod.signal('SIGCONT')),
    },
    {
      how: 'connections are refused',
      leave: async () => {
        for (const pod of pods) pod.signal('SIGKILL');
        await Promise.all(pods.map(({ exited }) => exited));
        await nft(REJECTING);
      },
      comeBack: async () => {
        await Promise.all(PODS.map(startPod));
        await nft('delete table ip hole\n');
      },
    },
  ])('$how: what is kept and what has expired is answered, the rest a SERVFAIL, and all is fresh again', async (way) => {
    const [cached, expiring, never] = [new Tally(), new Tally(), new Tally()];
    const names = Array.from({ length: 20 }, neverAsked);
    for (const name of names) await ask(CACHE, name, 'A');
    await way.leave();
    while ((await sample('coredns_cache_served_stale_total')) < 50 || never.count < 50) {
      cached.ask('lasting.cluster.local');
      expiring.ask('expiring.cluster.local');
      never.ask(neverAsked());
      await delay(10);
    }
    await Promise.all([cached.all(), expiring.all(), never.all()]);
    const told = [`cached: ${cached.text}`, `expiring: ${expiring.text}`, `never asked: ${never.text}`];
    await way.comeBack();
    const backAtMs = performance.now();
    await until(async () => (await ask(CACHE, neverAsked(), 'A')).rcode === RCODE.NOERROR, 'it is asked again');
    const again = performance.now() - backAtMs;
    await until(
      async () => ((await ask(CACHE, 'expiring.cluster.local', 'A')).answer[0]?.ttl ?? 0) > 0,
      'what had expired is fresh',
    );
    console.log(`${way.how}: ${told.join('; ')}; back after ${again.toFixed(0)} ms`);
    expect([...cached.outcomes]).toEqual([['answered', cached.count]]);
    expect([...expiring.outcomes]).toEqual([['answered', expiring.count]]);
    expect([...never.outcomes]).toEqual([[`${RCODE.SERVFAIL}`, never.count]]);
  });
});
