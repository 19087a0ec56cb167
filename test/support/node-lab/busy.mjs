// Loaded into a program by NODE_OPTIONS: SIGUSR2 has its main thread compute, and do nothing else, for CLUSTER_DNS_BUSY_MS.
import { isMainThread } from 'node:worker_threads';

const busyMs = Number(process.env.CLUSTER_DNS_BUSY_MS);
if (isMainThread)
  process.on('SIGUSR2', () => {
    const end = performance.now() + busyMs;
    while (performance.now() < end);
  });
