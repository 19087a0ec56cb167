import type { Log } from '#log/log.ts';

const LOG_EVERY_MS = 500;

/** What is waited for. */
export interface Awaited {
  /** The whole cluster is known: as it is, or as it last was. */
  readonly isUsable: boolean;
  onUsable(done: () => void): () => void;
}

/** What else there is to start with; resolves to false where there is nothing. Never rejects. */
export type LastResort = () => Promise<boolean>;

export interface Waiting {
  /** Resolves when the data is complete, when the time is over, or on `end`; it never rejects. */
  readonly done: Promise<void>;
  end(): void;
}

/** Waits until the data is complete, but not longer than `timeoutMs` and the last resort, and says so as CoreDNS does. */
export const waitForSync = (
  cluster: Awaited,
  timeoutMs: number,
  log: Log,
  lastResort: LastResort = async () => false,
): Waiting => {
  let end: () => void = () => undefined;
  let isEnded = false;
  const done = new Promise<void>((resolve) => {
    if (cluster.isUsable) {
      resolve();
      return;
    }
    const reminder = setInterval(() => log.info('waiting for Kubernetes API before starting server'), LOG_EVERY_MS);
    const limit = setTimeout(() => void lastResort().then(start), Math.max(0, timeoutMs));
    const start = (isThere: boolean): void => {
      if (isEnded) return;
      if (!isThere) log.warning('starting server with unsynced Kubernetes API');
      end();
    };
    const forget = cluster.onUsable(() => end());
    end = () => {
      isEnded = true;
      clearInterval(reminder);
      clearTimeout(limit);
      forget();
      resolve();
    };
  });
  return { done, end: () => end() };
};
