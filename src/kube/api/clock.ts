/** Time, as a reflector uses it; a test brings its own. */
export interface Clock {
  /** ms, monotonic. */
  now(): number;
  /** Resolves after `ms`, or at once when the signal is aborted; never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Calls `expired` after `ms`, unless the function it gives back was called before. */
  deadline(ms: number, expired: () => void): () => void;
}

/** The real time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
    }),
  deadline: (ms, expired) => {
    const timer = setTimeout(expired, ms);
    return () => clearTimeout(timer);
  },
};
