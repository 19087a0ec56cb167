import type { CounterFamily, GaugeFamily } from '#metrics/families.ts';
import type { Metrics } from '#metrics/metrics.ts';
import type { LinkKind } from './link/link.ts';
import type { RulesKind } from './settings.ts';

/** What went wrong, as node-cache names it. */
const ERROR_TYPES = ['iptables', 'iptables_lock', 'interface_add', 'interface_check', 'configmap'] as const;
export type SetupErrorType = (typeof ERROR_TYPES)[number];

/** What is looked at again and again. */
export type Checked = 'link' | 'rules';

/** What the set-up of a node tells on its own port (node-cache's `-metrics-listen-address`). */
export class NodeCacheMetrics {
  readonly #errors: CounterFamily;
  readonly #link: GaugeFamily;
  readonly #rules: GaugeFamily;
  readonly #alive: GaugeFamily;
  readonly #repairs: CounterFamily;
  readonly #checked: GaugeFamily;
  readonly #corefiles: CounterFamily;

  constructor(metrics: Metrics) {
    this.#errors = metrics.counter({
      name: 'coredns_nodecache_setup_errors_total',
      help: 'Errors of the set-up of this node, by what went wrong.',
      labels: ['errortype'],
    });
    for (const type of ERROR_TYPES) this.#errors.at(type);
    this.#link = metrics.gauge({
      name: 'cluster_dns_nodecache_link_info',
      help: 'What holds the addresses: a dummy device, a bridge, or loopback.',
      labels: ['kind', 'name'],
    });
    this.#rules = metrics.gauge({
      name: 'cluster_dns_nodecache_rules_present',
      help: '1 where all rules were there when they were last looked at, or have been put back.',
      labels: ['kind'],
    });
    this.#alive = metrics.gauge({
      name: 'cluster_dns_nodecache_alive',
      help: "1 while queries to this address come to the cache, 0 while they go to the cluster's DNS.",
      labels: ['address'],
    });
    this.#repairs = metrics.counter({
      name: 'cluster_dns_nodecache_repairs_total',
      help: 'Things that somebody else took away or changed, and that were put right.',
      labels: ['what'],
    });
    this.#checked = metrics.gauge({
      name: 'cluster_dns_nodecache_last_check_timestamp_seconds',
      help: 'When link and rules were last looked at, since 1970.',
      labels: ['what'],
    });
    this.#corefiles = metrics.counter({
      name: 'cluster_dns_nodecache_corefile_updates_total',
      help: 'Corefiles that were written because the template or the kube-dns ConfigMap changed.',
    });
    for (const what of ['link', 'rules'] as const) this.#repairs.at(what);
    this.#corefiles.at();
  }

  error(type: SetupErrorType): void {
    this.#errors.at(type).add();
  }

  link(kind: LinkKind, name: string): void {
    this.#link.at(kind, name).set(1);
  }

  rules(kind: RulesKind, areThere: boolean): void {
    this.#rules.at(kind).set(areThere ? 1 : 0);
  }

  alive(address: string, isAlive: boolean): void {
    this.#alive.at(address).set(isAlive ? 1 : 0);
  }

  checked(what: Checked, repairs: number): void {
    this.#repairs.at(what).add(repairs);
    this.#checked.at(what).set(Date.now() / 1000);
  }

  corefileUpdated(): void {
    this.#corefiles.at().add();
  }
}
