/** What both servers are configured with. One of them has a cache; with the others each answer is made anew and its TTLs can be compared. */
export interface ComparedCorefile {
  readonly name: string;
  readonly text: string;
  /** Namespaces or zones that are odd need no cache: TTLs of a cached reply depend on the moment. */
  readonly isCached: boolean;
}

interface Places {
  readonly port: number;
  readonly kubeconfig: string;
  readonly upstream: string;
}

const block = (
  { port, kubeconfig, upstream }: Places,
  kubernetes: string,
  more = '',
  zones = 'cluster.local in-addr.arpa ip6.arpa',
): string =>
  `.:${port} {
    errors
    kubernetes ${zones} {
        kubeconfig ${kubeconfig}
${kubernetes
  .trim()
  .split('\n')
  .map((line) => `        ${line.trim()}`)
  .join('\n')}
    }
    forward . ${upstream}
${more}
}
`;

/** A Corefile by its name, for a server on `port`. */
export const COREFILES: Readonly<Record<string, (places: Places) => string>> = {
  kubeadm: (places) =>
    block(
      places,
      'pods insecure\nfallthrough in-addr.arpa ip6.arpa\nttl 30',
      '    cache 30\n    loop\n    reload\n    loadbalance',
    ),
  'kubeadm-without-cache': (places) =>
    block(places, 'pods insecure\nfallthrough in-addr.arpa ip6.arpa\nttl 30', '    loadbalance'),
  'pods-verified': (places) => block(places, 'pods verified\nfallthrough'),
  'pods-disabled': (places) => block(places, 'pods disabled\nttl 0'),
  'endpoint-pod-names': (places) =>
    block(places, 'endpoint_pod_names\npods insecure\nttl 600\nfallthrough in-addr.arpa'),
  namespaces: (places) => block(places, 'namespaces load-0 shop outer 0\npods verified'),
  noendpoints: (places) => block(places, 'noendpoints\npods insecure\nfallthrough ip6.arpa'),
  'empty-service': (places) =>
    block(places, 'ignore empty_service\nnamespace_labels odd notin (yes)', '    bufsize 700'),
  'two-zones': (places) =>
    block(places, 'pods insecure\nfallthrough other.test', '', 'cluster.local other.test 10.0.0.0/8 fd00::/8'),
  'no-fallthrough-no-reverse': (places) => block(places, 'pods insecure', '', 'cluster.local'),
};

export const isCached = (name: string): boolean => name === 'kubeadm';
