import { run } from '#test/command.ts';
import { NAMESPACES, refuse, SERVICES, SLICES } from '#test/fake-api-server.ts';
import { until } from '#test/until.ts';
import { namespace } from '../cluster-objects.ts';
import type { Stage } from './stage.ts';

/** Something that an API server, or what stands before it, does to a server that runs. */
export interface Fault {
  readonly title: string;
  /** Brings it about; resolves once the server under test has met it, and gives what ends it. */
  readonly begin: (stage: Stage) => Promise<() => Promise<void>>;
  /** What the log says of it; null: it is no trouble, and nothing is said. */
  readonly says: RegExp | null;
  /** The cluster can't be changed while it lasts. */
  readonly isClusterAway?: boolean;
  /** It is one that is worth trying for minutes. */
  readonly isLong?: true;
  /** It takes the server half a minute to meet it, and needs root and nft: for the bench alone. */
  readonly isSlow?: true;
  /** Everything has to be listed anew. Where the log says nothing, nothing is; elsewhere it depends on how long it lasts. */
  readonly isListedAnew?: true;
  /** Kinds that are in step all the while. */
  readonly inStep?: readonly string[];
}

const ALL = [SERVICES, NAMESPACES, SLICES];
/** Answers requests of these paths so, from now on, and ends the watches that are open; resolves once each path has met it. */
const answerWith = async (
  { proxy }: Stage,
  status: number,
  headers: Record<string, string>,
  paths = ALL,
): Promise<() => Promise<void>> => {
  const met = new Set<string>();
  const stop = proxy.always(
    ({ path }) => paths.includes(path),
    (request, response) => {
      met.add(request.path);
      return refuse(status, 'injected', headers)(request, response);
    },
  );
  for (const path of paths) proxy.endWatches(path);
  await until(() => met.size === paths.length, `requests of ${paths}`);
  return async () => void stop();
};

const isWatching = ({ proxy }: Stage): Promise<void> => until(() => proxy.watches() === ALL.length, 'three watches');
/** Resolves once every kind has tried in vain. */
const isLost = ({ asked }: Stage, limitMs = 10_000): Promise<void> => {
  const isOut = async (): Promise<boolean> => Object.values(await asked.staleSeconds()).every((seconds) => seconds > 0);
  return until(isOut, 'nothing in step', limitMs);
};

export const FAULTS: readonly Fault[] = [
  {
    title: 'the API server is killed and started again',
    begin: async (stage) => {
      await stage.testbed.killApi();
      await isLost(stage);
      return () => stage.testbed.startApi();
    },
    isLong: true,
    says: /failed to watch/,
    isClusterAway: true,
  },
  {
    title: 'nothing listens where the API server was',
    begin: async (stage) => {
      await stage.proxy.stop();
      await isLost(stage);
      return () => stage.proxy.start();
    },
    says: /failed to watch \w+: connect ECONNREFUSED/,
  },
  {
    title: 'every connection is reset',
    begin: async (stage) => {
      stage.proxy.cut();
      await isLost(stage);
      return async () => stage.proxy.mend();
    },
    says: /failed to watch/,
  },
  {
    title: 'its packets are lost, and nothing is reset',
    begin: async (stage) => {
      const table = ['inet', `cluster-dns-faults-${stage.proxy.port}`];
      await run('nft', ['add', 'table', ...table]);
      await run('nft', ['add', 'chain', ...table, 'lost', '{ type filter hook input priority 0; }']);
      for (const end of ['sport', 'dport'])
        await run('nft', ['add', 'rule', ...table, 'lost', 'tcp', end, `${stage.proxy.port}`, 'drop']);
      const end = async (): Promise<void> => void (await run('nft', ['delete', 'table', ...table]));
      await isLost(stage, 60_000).catch(async (error) => {
        await end();
        throw error;
      });
      return end;
    },
    isSlow: true,
    says: null,
  },
  {
    title: 'a watch breaks in the middle of an event',
    begin: async (stage) => {
      const broken = stage.proxy.cutNextEvent(NAMESPACES, 50);
      await stage.testbed.apply(namespace('in-pieces'));
      await broken;
      return async () => {
        await isWatching(stage);
        await stage.testbed.kubectl(['delete', 'namespace', 'in-pieces', '--wait=false']);
      };
    },
    says: null,
  },
  {
    title: 'its store is compacted meanwhile (410)',
    begin: async (stage) => {
      const { proxy, testbed } = stage;
      await proxy.stop();
      await isLost(stage);
      return async () => {
        await testbed.killApi();
        await testbed.compact();
        await testbed.startApi();
        await proxy.start();
      };
    },
    says: /failed to watch/,
    isListedAnew: true,
  },
  {
    title: 'it answers everything with 500',
    begin: (stage) => answerWith(stage, 500, {}),
    says: /failed to watch \w+: HTTP 500: injected/,
  },
  {
    title: 'it refuses one resource (403)',
    begin: (stage) => answerWith(stage, 403, {}, [SLICES]),
    says: /failed to watch EndpointSlices: HTTP 403: injected/,
    inStep: ['Service', 'Namespace'],
  },
  {
    title: 'it answers everything with 429 and Retry-After',
    begin: (stage) => answerWith(stage, 429, { 'retry-after': '2' }),
    says: /failed to watch \w+: HTTP 429: injected/,
  },
  {
    title: 'idle watches are closed',
    begin: async (stage) => {
      const { proxy } = stage;
      const before = proxy.requests.length;
      proxy.endWatches();
      await until(() => proxy.requests.length >= before + ALL.length, 'new watches');
      return () => isWatching(stage);
    },
    says: null,
    inStep: ['Service', 'Namespace', 'EndpointSlice'],
  },
  {
    title: 'it answers late',
    begin: async (stage) => {
      const { proxy } = stage;
      const stop = proxy.always(() => true, proxy.delayed(1000));
      proxy.endWatches();
      await until(() => proxy.watches() === 0, 'no watch');
      return async () => {
        stop();
        await isWatching(stage);
      };
    },
    says: null,
  },
  {
    title: 'it has a new certificate of the same authority',
    begin: async (stage) => {
      await stage.presentNewCertificate('same authority');
      return () => isWatching(stage);
    },
    says: null,
  },
  {
    title: 'it has a certificate of a new authority, whose file comes later',
    begin: async (stage) => {
      await stage.presentNewCertificate('new authority');
      await isLost(stage);
      return async () => stage.trustAuthority();
    },
    says: /failed to watch \w+: .*(?:certificate|signature)/,
  },
  {
    title: 'its token is another, and the file of it comes later',
    begin: async (stage) => {
      stage.proxy.token = 'second-token';
      stage.proxy.endWatches();
      await isLost(stage);
      return async () => stage.writeToken('second-token');
    },
    says: /failed to watch \w+: HTTP 401: Unauthorized/,
  },
  {
    title: 'its token is rotated after the file of it',
    begin: async (stage) => {
      stage.writeToken('third-token');
      stage.proxy.token = 'third-token';
      stage.proxy.endWatches();
      return () => isWatching(stage);
    },
    says: null,
  },
];
