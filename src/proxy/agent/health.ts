import type { IpFamily } from '../rule-options.ts';

/** ms since 1970, and whether it serves. */
interface FamilyHealth {
  lastUpdatedMs: number | null;
  oldestPendingMs: number | null;
}

/** What the health endpoints tell, in kube-proxy's form. */
export interface HealthBody {
  readonly lastUpdated: string;
  readonly currentTime: string;
  readonly nodeEligible?: boolean;
  readonly healthy: boolean;
  readonly status: Readonly<Record<string, { readonly lastUpdated: string; readonly healthy: boolean }>>;
}

/** Go's zero time: it has never been. */
const NEVER = '0001-01-01T00:00:00Z';

/**
 * Whether the rules follow the cluster: a family is late where a change has waited longer than `timeoutMs`. While nothing has come yet, it
 * is not late.
 */
export class ProxyHealth {
  readonly #timeoutMs: number;
  readonly #wallMs: () => number;
  readonly #families: ReadonlyMap<IpFamily, FamilyHealth>;
  /** The load balancer may send traffic to this node: it is not about to go. */
  isNodeEligible = true;

  constructor(families: readonly IpFamily[], timeoutMs: number, wallMs: () => number) {
    this.#timeoutMs = timeoutMs;
    this.#wallMs = wallMs;
    this.#families = new Map(families.map((family) => [family, { lastUpdatedMs: null, oldestPendingMs: null }]));
  }

  /** A change waits for its sync. */
  queued(family: IpFamily): void {
    const health = this.#families.get(family);
    if (health !== undefined) health.oldestPendingMs ??= this.#wallMs();
  }

  /** All that was queued before `sinceMs` is in the kernel; what came during the sync still waits. */
  updated(family: IpFamily, sinceMs: number): void {
    const health = this.#families.get(family);
    if (health === undefined) return;
    health.lastUpdatedMs = this.#wallMs();
    if (health.oldestPendingMs !== null && health.oldestPendingMs <= sinceMs) health.oldestPendingMs = null;
  }

  get isHealthy(): boolean {
    const now = this.#wallMs();
    return [...this.#families.values()].every((health) => this.#isOnTime(health, now));
  }

  /** And this process has put the rules of every family in: what a rollout waits for. */
  get isReady(): boolean {
    return this.isHealthy && [...this.#families.values()].every(({ lastUpdatedMs }) => lastUpdatedMs !== null);
  }

  /** For `/healthz`, with the node's state, or for `/livez`, without it. */
  body(hasNode: boolean): { readonly status: number; readonly body: HealthBody } {
    const now = this.#wallMs();
    const isHealthy = this.isHealthy;
    const last = Math.max(0, ...[...this.#families.values()].map(({ lastUpdatedMs }) => lastUpdatedMs ?? 0));
    const isServing = isHealthy && (!hasNode || this.isNodeEligible);
    return {
      status: isServing ? 200 : 503,
      body: {
        // As in kube-proxy: what is healthy is of now, even where nothing has changed for hours.
        lastUpdated: isHealthy ? timeText(now) : timeText(last),
        currentTime: timeText(now),
        ...(hasNode ? { nodeEligible: this.isNodeEligible } : {}),
        healthy: isHealthy,
        status: Object.fromEntries(
          [...this.#families].map(([family, health]) => [
            family,
            { lastUpdated: timeText(health.lastUpdatedMs ?? 0), healthy: this.#isOnTime(health, now) },
          ]),
        ),
      },
    };
  }

  #isOnTime({ oldestPendingMs }: FamilyHealth, now: number): boolean {
    return oldestPendingMs === null || now - oldestPendingMs < this.#timeoutMs;
  }
}

const timeText = (ms: number): string => (ms === 0 ? NEVER : new Date(ms).toISOString());
