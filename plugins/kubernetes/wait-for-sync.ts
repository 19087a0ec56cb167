import type { Log } from '#log/log.ts';

const LOG_EVERY_MS = 500;

/** What is waited for. */
export interface Syncing {
  readonly isSynced: boolean;
  onSynced(done: () => void): () => void;
}

export interface Waiting {
  /** Resolves when the data is complete, when the time is over, or on `end`; it never rejects. */
  readonly done: Promise<void>;
  end(): void;
}

/** Waits until the data is complete, but not longer than `timeoutMs`, and says so as CoreDNS does. */
export const waitForSync = (cluster: Syncing, timeoutMs: number, log: Log): Waiting => {
  let end: () => void = () => undefined;
  const done = new Promise<void>((resolve) => {
    if (cluster.isSynced) {
      resolve();
      return;
    }
    const reminder = setInterval(() => log.info('waiting for Kubernetes API before starting server'), LOG_EVERY_MS);
    const limit = setTimeout(
      () => {
        log.warning('starting server with unsynced Kubernetes API');
        end();
      },
      Math.max(0, timeoutMs),
    );
    const forget = cluster.onSynced(() => end());
    end = () => {
      clearInterval(reminder);
      clearTimeout(limit);
      forget();
      resolve();
    };
  });
  return { done, end: () => end() };
};
