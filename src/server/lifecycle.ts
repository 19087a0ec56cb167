import { randomInt } from 'node:crypto';
import { faultLine, faultsText } from '#corefile/diagnostics.ts';
import { type Configuration, type ConfigureOptions, configure } from './configuration.ts';
import { ListenerSet } from './listener-set.ts';
import type { Listener } from './listeners/listener.ts';
import { TcpMetrics } from './listeners/tcp-metrics.ts';
import { UdpListeners, type UdpOptions } from './listeners/udp-listeners.ts';

/** Longest a stop or a reload waits for queries on their way (CoreDNS: graceful timeout). */
const DRAIN_MS = 5000;

export interface ServerOptions extends Omit<ConfigureOptions, 'file' | 'text' | 'hashSeed'> {
  /** Name of the configuration in messages where it is no file. */
  readonly fileName: string;
  /** How UDP is listened to; left out: by dgram. */
  readonly udp?: UdpOptions;
  /** Waited for when the server is to end, after lameduck and before the listeners take no more: to lead clients elsewhere. */
  readonly retiring?: () => Promise<void>;
}

/** A Corefile with faults; the message has all of them, each with its place and its line. */
export class ConfigurationError extends Error {
  readonly code = 'corefile-invalid';
  /** A line for each fault, for the log. */
  readonly lines: readonly string[];
  constructor(text: string, lines: readonly string[]) {
    super(text);
    this.lines = lines;
  }
}

/**
 * The running server: one configuration at a time, on sockets that belong to the process. Nothing is open before `start`; a reload
 * starts the new configuration whole, hands the sockets over in one step and only then stops the old one.
 */
export class DnsServer {
  readonly #options: ServerOptions;
  readonly #listeners: ListenerSet;
  readonly #hashSeed = randomInt(2 ** 32);
  #current: Configuration | null = null;
  #reloading: Promise<unknown> = Promise.resolve();
  #isStopping = false;

  constructor(options: ServerOptions) {
    this.#options = options;
    const { services, udp = { mode: 'dgram' } } = options;
    const udpListeners = new UdpListeners(udp, { services, hashSeed: this.#hashSeed });
    this.#listeners = new ListenerSet(udpListeners, new TcpMetrics(services.metrics), services.sharedPorts);
  }

  get configuration(): Configuration | null {
    return this.#current;
  }

  /** Bound addresses with their ports. */
  get listening(): readonly { readonly label: string; readonly host: string; readonly port: number }[] {
    return this.#listeners.bound();
  }

  /**
   * Reads the configuration and serves it. `listening` is waited for when the sockets are open, before any plugin's `serving`. Rejects
   * with ConfigurationError or the reason why a plugin or a socket does not start.
   */
  start(listening?: (configuration: Configuration) => void): Promise<Configuration> {
    const started = this.#configure().then(async (configuration) => {
      await this.#replace(configuration, listening);
      return configuration;
    });
    // A reload that is asked for meanwhile comes after it.
    this.#reloading = started.catch(() => undefined);
    return started;
  }

  /** Replaces the configuration with what the file says now; on any fault the old one goes on and the reason is given. Never rejects. */
  reload(): Promise<Error | null> {
    const reloaded = this.#reloading.then(async () => {
      if (this.#isStopping) return new Error('the server is stopping');
      const { log } = this.#options.services;
      log.info('Reloading');
      try {
        await this.#replace(await this.#configure());
        log.info('Reloading complete');
        return null;
      } catch (error) {
        const lines =
          error instanceof ConfigurationError ? error.lines : [error instanceof Error ? error.message : String(error)];
        for (const line of lines) log.error(`Restart failed: ${line}`);
        // The words are those of CoreDNS (caddy), for whoever searches the log for them.
        return new Error(`starting with listener file descriptors: ${lines.join('; ')}`, { cause: error });
      }
    });
    this.#reloading = reloaded;
    return reloaded;
  }

  /** Ends everything: with `isGraceful` after lameduck and after the queries on their way were answered. Never rejects. */
  async stop(isGraceful: boolean): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    // A first start that still waits is not waited for: nobody is served yet.
    if (this.#current !== null) await this.#reloading;
    const configuration = this.#current;
    if (configuration === null) return;
    if (isGraceful)
      await this.#logFaults(
        'lameduck',
        configuration.instances.map(async (instance) => instance.lameduck?.()),
      );
    if (isGraceful) {
      // Before packets are sent elsewhere: another instance is found by what comes here.
      await this.#logFaults('listeners', [this.#listeners.leave()]);
      await this.#logFaults('retiring', [this.#retiring()]);
      await this.#logFaults('listeners', [this.#listeners.retire()]);
      await this.#drain(configuration);
    }
    await this.#listeners.close();
    await this.#stopInstances(configuration);
  }

  async #configure(): Promise<Configuration> {
    const { services, fileName } = this.#options;
    const text = await services.configuration.read();
    const configuration = configure({
      ...this.#options,
      hashSeed: this.#hashSeed,
      file: services.configuration.file ?? fileName,
      text,
    });
    const { faults, sources } = configuration;
    for (const warning of faults.warnings) services.log.warning(faultLine(warning));
    if (faults.list.length > 0)
      throw new ConfigurationError(faultsText(faults.list, sources).trimEnd(), faults.list.map(faultLine));
    return configuration;
  }

  async #replace(next: Configuration, listening?: (configuration: Configuration) => void): Promise<void> {
    let unwanted: readonly Listener[];
    try {
      for (const instance of next.instances) await instance.start?.();
      // A start may have waited for a cluster, and nobody be left to open sockets for.
      if (this.#isStopping) throw new Error('the server is stopping');
      unwanted = await this.#listeners.replace(next.groups, next.socketCount);
    } catch (error) {
      await this.#stopInstances(next);
      throw error;
    }
    const old = this.#current;
    this.#current = next;
    listening?.(next);
    // It serves by now: whoever fails here must not keep the old one from being stopped.
    await this.#logFaults(
      'serving',
      next.instances.map(async (instance) => instance.serving?.()),
    );
    if (old === null) return;
    await this.#logFaults('listeners', [this.#listeners.settle(), ...unwanted.map((listener) => listener.retire())]);
    await this.#drain(old);
    await this.#logFaults(
      'listeners',
      unwanted.map((listener) => listener.close()),
    );
    await this.#stopInstances(old);
  }

  async #retiring(): Promise<void> {
    await this.#options.retiring?.();
  }

  #drain(configuration: Configuration): Promise<unknown> {
    return Promise.all(configuration.groups.map(({ group }) => group.drain(DRAIN_MS)));
  }

  async #stopInstances(configuration: Configuration): Promise<void> {
    await this.#logFaults(
      'stop',
      [...configuration.instances].reverse().map(async (instance) => {
        await instance.stop?.();
      }),
    );
  }

  /** Where there is no way back a fault is logged and the rest goes on. */
  async #logFaults(step: string, steps: readonly Promise<void>[]): Promise<void> {
    for (const result of await Promise.allSettled(steps))
      if (result.status === 'rejected')
        this.#options.services.log.error(`${step}: ${String(result.reason?.message ?? result.reason)}`);
  }
}
