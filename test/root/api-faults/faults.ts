import { NAMESPACES, refuse, SERVICES, SLICES } from '#test/fake-api-server.ts';
import { until } from '#test/until.ts';
import { namespace } from '../cluster-objects.ts';
import type { Stage } from './stage.ts';

/** Something that an API server, or what stands before it, does to a server that runs. */
export interface Fault {
  readonly title: string;
  /** Brings it about; resolves once the server under test has met it. */
  readonly begin: (stage: Stage) => Promise<void>;
  readonly end: (stage: Stage) => Promise<void>;
  /** What the log says of it; null: it is no trouble, and nothing is said. */
  readonly says: RegExp | null;
  /** The cluster can't be changed while it lasts. */
  readonly isClusterAway?: boolean;
  /** It is one that is worth trying for minutes. */
  readonly isLong?: true;
  /** Everything has to be listed anew. Where the log says nothing, nothing is; elsewhere it depends on how long it lasts. */
  readonly isListedAnew?: true;
  /** Kinds that are in step all the while. */
  readonly inStep?: readonly string[];
}

const ALL = [SERVICES, NAMESPACES, SLICES];
const isAny = (): boolean => true;
/** Takes out what the fault put in. */
const mends = new Map<string, () => void>();
const mend = async (): Promise<void> => {
  for (const one of mends.values()) one();
  mends.clear();
};

/** Answers requests of these paths so, from now on, and ends the watches that are open; resolves once each path has met it. */
const answerWith = async (
  { proxy }: Stage,
  status: number,
  headers: Record<string, string>,
  paths = ALL,
): Promise<void> => {
  const met = new Set<string>();
  const stop = proxy.always(isAny, (request, response) => {
    if (!paths.includes(request.path)) return false;
    met.add(request.path);
    return refuse(status, 'injected', headers)(request, response);
  });
  mends.set('answer', stop);
  for (const path of paths) proxy.endWatches(path);
  await until(() => met.size === paths.length, `requests of ${paths}`);
};

const isWatching = ({ proxy }: Stage): Promise<void> => until(() => proxy.watches() === ALL.length, 'three watches');
/** Resolves once every kind has tried in vain. */
const isLost = (stage: Stage): Promise<void> =>
  until(async () => Object.values(await stage.asked.staleSeconds()).every((seconds) => seconds > 0), 'nothing in step');

export const FAULTS: readonly Fault[] = [
  {
    title: 'the API server is killed and started again',
    begin: async (stage) => {
      await stage.testbed.killApi();
      await isLost(stage);
    },
    end: ({ testbed }) => testbed.startApi(),
    isLong: true,
    says: /failed to watch/,
    isClusterAway: true,
  },
  {
    title: 'nothing listens where the API server was',
    begin: async (stage) => {
      await stage.proxy.stop();
      await isLost(stage);
    },
    end: ({ proxy }) => proxy.start(),
    says: /failed to watch \w+: connect ECONNREFUSED/,
  },
  {
    title: 'every connection is reset',
    begin: async (stage) => {
      stage.proxy.cut();
      await isLost(stage);
    },
    end: async ({ proxy }) => proxy.mend(),
    says: /failed to watch/,
  },
  {
    title: 'a watch breaks in the middle of an event',
    begin: async ({ proxy, testbed }) => {
      const broken = proxy.cutNextEvent(NAMESPACES, 50);
      await testbed.apply(namespace('in-pieces'));
      await broken;
    },
    end: async (stage) => {
      await isWatching(stage);
      await stage.testbed.kubectl(['delete', 'namespace', 'in-pieces', '--wait=false']);
    },
    says: null,
  },
  {
    title: 'its store is compacted meanwhile (410)',
    begin: async (stage) => {
      await stage.proxy.stop();
      await isLost(stage);
    },
    end: async ({ proxy, testbed }) => {
      await testbed.killApi();
      await testbed.compact();
      await testbed.startApi();
      await proxy.start();
    },
    says: /failed to watch/,
    isListedAnew: true,
  },
  {
    title: 'it answers everything with 500',
    begin: (stage) => answerWith(stage, 500, {}),
    end: mend,
    says: /failed to watch \w+: HTTP 500: injected/,
  },
  {
    title: 'it refuses one resource (403)',
    begin: (stage) => answerWith(stage, 403, {}, [SLICES]),
    end: mend,
    says: /failed to watch EndpointSlices: HTTP 403: injected/,
    inStep: ['Service', 'Namespace'],
  },
  {
    title: 'it answers everything with 429 and Retry-After',
    begin: (stage) => answerWith(stage, 429, { 'retry-after': '2' }),
    end: mend,
    says: /failed to watch \w+: HTTP 429: injected/,
  },
  {
    title: 'idle watches are closed',
    begin: async ({ proxy }) => {
      const before = proxy.requests.length;
      proxy.endWatches();
      await until(() => proxy.requests.length >= before + ALL.length, 'new watches');
    },
    end: isWatching,
    says: null,
    inStep: ['Service', 'Namespace', 'EndpointSlice'],
  },
  {
    title: 'it has a new certificate of the same authority',
    begin: (stage) => stage.presentNewCertificate('same authority'),
    end: isWatching,
    says: null,
  },
  {
    title: 'it has a certificate of a new authority, whose file comes later',
    begin: async (stage) => {
      await stage.presentNewCertificate('new authority');
      await isLost(stage);
    },
    end: async (stage) => stage.trustAuthority(),
    says: /failed to watch \w+: .*(?:certificate|signature)/,
  },
  {
    title: 'its token is another, and the file of it comes later',
    begin: async (stage) => {
      stage.proxy.token = 'second-token';
      stage.proxy.endWatches();
      await isLost(stage);
    },
    end: async (stage) => stage.writeToken('second-token'),
    says: /failed to watch \w+: HTTP 401: Unauthorized/,
  },
  {
    title: 'its token is rotated after the file of it',
    begin: async (stage) => {
      stage.writeToken('third-token');
      stage.proxy.token = 'third-token';
      stage.proxy.endWatches();
    },
    end: isWatching,
    says: null,
  },
];
