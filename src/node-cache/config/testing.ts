import type { NodeCacheSettings } from '../settings.ts';
import { readNodeCacheFlags } from './read-flags.ts';

/** Settings of a node cache with these flags and the cluster's DNS at 10.96.200.1. */
export const settingsOf = (
  args: readonly string[],
  env: Readonly<Record<string, string>> = CLUSTER,
): NodeCacheSettings => {
  const command = readNodeCacheFlags(args, env);
  if (!('settings' in command)) throw new Error(JSON.stringify(command));
  return command.settings;
};

const CLUSTER = { KUBE_DNS_SERVICE_HOST: '10.96.200.1' };

/** The Corefile template of NodeLocal DNSCache's manifest, as its installer leaves it. */
export const STOCK_TEMPLATE = `cluster.local:53 {
    errors
    cache {
            success 9984 30
            denial 9984 5
    }
    reload
    loop
    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__
    forward . __PILLAR__CLUSTER__DNS__ {
            force_tcp
    }
    prometheus :9253
    health __PILLAR__LOCAL__DNS__:8080
    }
in-addr.arpa:53 {
    errors
    cache 30
    reload
    loop
    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__
    forward . __PILLAR__CLUSTER__DNS__ {
            force_tcp
    }
    prometheus :9253
    }
ip6.arpa:53 {
    errors
    cache 30
    reload
    loop
    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__
    forward . __PILLAR__CLUSTER__DNS__ {
            force_tcp
    }
    prometheus :9253
    }
.:53 {
    errors
    cache 30
    reload
    loop
    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__
    forward . __PILLAR__UPSTREAM__SERVERS__
    prometheus :9253
    }
`;
