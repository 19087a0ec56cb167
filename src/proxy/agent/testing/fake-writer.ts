import { CommandError } from '#netfilter/run.ts';
import type { ServicePorts } from '../../model/service-port.ts';
import type { RuleWriter, SyncReport } from '../../rule-backend.ts';
import type { RuleOptions } from '../../rule-options.ts';

/** One call of `sync`, as it was when it came. */
export interface FakeSync {
  readonly keys: readonly string[];
  readonly options: RuleOptions;
  /** null for all. */
  readonly changed: readonly string[] | null;
}

/** A writer that remembers what it was told, and fails when a test says so. */
export class FakeWriter implements RuleWriter {
  readonly syncs: FakeSync[] = [];
  /** Fails with this for as long as it is set. */
  failure: string | null = null;
  intact = true;
  looks = 0;
  isClosed = false;
  /** Calls at the same moment; more than one is a fault. */
  mostAtOnce = 0;
  /** Where set, a sync waits for it. */
  gate: Promise<void> | null = null;
  #now = 0;
  foreign: (what: string) => void = () => undefined;

  async sync(ports: ServicePorts, options: RuleOptions, changed: ReadonlySet<string> | null): Promise<SyncReport> {
    this.syncs.push({
      keys: [...ports.keys()].sort(),
      options,
      changed: changed === null ? null : [...changed].sort(),
    });
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#now);
    await this.gate;
    this.#now--;
    if (this.failure !== null) throw new CommandError('nft', 1, this.failure);
    return { kind: changed === null ? 'full' : 'partial', size: ports.size };
  }

  async isIntact(): Promise<boolean> {
    this.looks++;
    return this.intact;
  }

  watchForeign(changed: (what: string) => void): void {
    this.foreign = changed;
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}
