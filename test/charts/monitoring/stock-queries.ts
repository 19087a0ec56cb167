/**
 * What people's dashboards and alerts ask of CoreDNS and kube-proxy: expressions, as facts. `$...` are variables of Grafana; a job's name is a
 * variable where the source lets one choose it.
 */
export interface StockQuery {
  readonly expr: string;
  /** Why it gives nothing here; CoreDNS or kube-proxy may well give something. */
  readonly empty?: string;
  /** What it is asked for; `cluster-dns` by default. */
  readonly of?: 'cluster-dns' | 'node-local-dns' | 'service-proxy';
}

const GO = 'a metric of the Go runtime; nodejs_* are here in its place';
const NOT_YET = 'a series that only a fault brings about, and then it is there';

const quantiles = (metric: string, proto = ''): readonly StockQuery[] =>
  [0.99, 0.9, 0.5].map((quantile) => {
    const selector = `{job=~"$job",cluster=~"$cluster",instance=~"$instance"${proto && `,proto="${proto}"`}}[5m]`;
    const by = proto === '' ? '' : 'proto';
    return {
      expr: `histogram_quantile(${quantile}, (sum(rate(${metric}${selector})) by (${by})) or (sum(rate(${metric}_bucket${selector})) by (le${by && `,${by}`})))`,
    };
  });

const eitherRate = (old: string, current: string, by: string): StockQuery => {
  const selector = '{job=~"$job",cluster=~"$cluster",instance=~"$instance"}[5m]';
  return { expr: `sum(rate(${old}${selector})) ${by} or sum(rate(${current}${selector})) ${by}` };
};

/** Grafana.com 12539, and so the dashboard `CoreDNS` of kube-prometheus-stack. */
const KUBE_PROMETHEUS_STACK: readonly StockQuery[] = [
  eitherRate('coredns_dns_request_count_total', 'coredns_dns_requests_total', 'by (proto)'),
  eitherRate('coredns_dns_request_type_count_total', 'coredns_dns_requests_total', 'by (type)'),
  eitherRate('coredns_dns_request_count_total', 'coredns_dns_requests_total', 'by (zone)'),
  eitherRate('coredns_dns_request_do_count_total', 'coredns_dns_do_requests_total', ''),
  eitherRate('coredns_dns_response_rcode_count_total', 'coredns_dns_responses_total', 'by (rcode)'),
  ...quantiles('coredns_dns_request_size_bytes', 'udp'),
  ...quantiles('coredns_dns_request_size_bytes', 'tcp'),
  ...quantiles('coredns_dns_request_duration_seconds'),
  ...quantiles('coredns_dns_response_size_bytes', 'udp'),
  ...quantiles('coredns_dns_response_size_bytes', 'tcp'),
  {
    expr: 'sum(coredns_cache_size{job=~"$job",instance=~"$instance"}) by (type) or sum(coredns_cache_entries{job=~"$job",instance=~"$instance"}) by (type)',
  },
  { expr: 'sum(rate(coredns_cache_hits_total{job=~"$job",instance=~"$instance"}[5m])) by (type)' },
  { expr: 'sum(rate(coredns_cache_misses_total{job=~"$job",instance=~"$instance"}[5m])) by (type)' },
];

/** Grafana.com 15762, `Kubernetes / System / CoreDNS` of dotdc/grafana-dashboards-kubernetes. */
const KUBERNETES_SYSTEM: readonly StockQuery[] = [
  { expr: 'up{job=~"$job", instance=~"$instance", cluster=~"$cluster"}' },
  { expr: 'rate(process_cpu_seconds_total{job=~"$job", instance=~"$instance"}[$__rate_interval])' },
  { expr: 'process_resident_memory_bytes{job=~"$job", instance=~"$instance"}' },
  ...['udp', 'tcp'].flatMap((proto) => [
    { expr: `sum(rate(coredns_dns_requests_total{instance=~"$instance",proto="${proto}"}[$__rate_interval]))` },
    {
      expr: `sum(rate(coredns_dns_request_size_bytes_sum{instance=~"$instance",proto="${proto}"}[$__rate_interval])) by (proto) / sum(rate(coredns_dns_request_size_bytes_count{instance=~"$instance",proto="${proto}"}[$__rate_interval])) by (proto)`,
    },
  ]),
  { expr: 'sum(rate(coredns_dns_requests_total{instance=~"$instance"}[$__rate_interval])) by (type)' },
  { expr: 'sum(rate(coredns_dns_responses_total{instance=~"$instance"}[$__rate_interval])) by (rcode)' },
  { expr: 'sum(rate(coredns_proxy_request_duration_seconds_count{proxy_name="forward"}[$__rate_interval]))' },
  {
    expr: 'sum(rate(coredns_proxy_request_duration_seconds_count{proxy_name="forward", rcode=~"SERVFAIL|REFUSED"}[$__rate_interval])) by (rcode)',
  },
  { expr: 'sum(rate(coredns_cache_hits_total{instance=~"$instance"}[$__rate_interval])) by (type)' },
  { expr: 'sum(rate(coredns_cache_misses_total{instance=~"$instance"}[$__rate_interval])) by (type)' },
  { expr: 'sum(coredns_cache_entries{job=~"$job"}) by (type)' },
  {
    expr: 'sum(increase(coredns_dns_request_duration_seconds_bucket{instance=~"$instance"}[$__rate_interval])) by (le)',
  },
  {
    expr: 'sum(increase(coredns_dns_request_size_bytes_bucket{instance=~"$instance", le!="0"}[$__rate_interval])) by (le)',
  },
  {
    expr: 'sum(increase(coredns_dns_response_size_bytes_bucket{instance=~"$instance", le!="0"}[$__rate_interval])) by (le)',
  },
];

const RENAMED = 'CoreDNS has long called it coredns_proxy_*, and so does this';

/** The dashboard and the alerts of povilasv/coredns-mixin, as of 2023; the thresholds are left out, so that an alert's expression gives data. */
const COREDNS_MIXIN: readonly StockQuery[] = [
  { expr: 'sum(up{job=~"$job"})' },
  { expr: 'sum(coredns_panics_total{job=~"$job"})' },
  { expr: 'sum(rate(coredns_forward_responses_total{job=~"$job"}[5m])) by (rcode)', empty: RENAMED },
  {
    expr: 'histogram_quantile(0.99, sum(rate(coredns_dns_request_duration_seconds_bucket{job=~"$job"}[5m])) by (server, zone, le))',
  },
  {
    expr: 'histogram_quantile(0.99, sum(rate(coredns_forward_request_duration_seconds_bucket{job=~"$job"}[5m])) by (to, le))',
    empty: RENAMED,
  },
  { expr: 'sum(rate(coredns_forward_requests_total{job=~"$job"}[5m])) by (to)', empty: RENAMED },
  {
    expr: 'histogram_quantile(0.99, sum(rate(coredns_kubernetes_dns_programming_duration_seconds_bucket{job=~"$job"}[5m])) by (service_kind, le))',
  },
  { expr: 'count(sum(coredns_plugin_enabled{job=~"$job"}) by (name))' },
  ...['request', 'response'].map((what) => ({
    expr: `histogram_quantile(0.99, sum(rate(coredns_dns_${what}_size_bytes_bucket{job=~"$job"}[5m])) by (server, zone, proto, le))`,
  })),
  {
    expr: 'sum(coredns_cache_hits_total{job=~"$job"}) / (sum(coredns_cache_misses_total{job=~"$job"}) + sum(coredns_cache_hits_total{job=~"$job"}))',
  },
  { expr: 'sum(rate(coredns_cache_misses_total{job=~"$job"}[5m]))' },
  { expr: 'go_goroutines{job=~"$job"}', empty: GO },
  // CoreDNSDown fires where this gives something.
  { expr: 'absent(up{job="cluster-dns"} == 1)', empty: 'the server is there' },
  // CoreDNSLatencyHigh
  {
    expr: 'histogram_quantile(0.99, sum(rate(coredns_dns_request_duration_seconds_bucket{job=~"$job"}[5m])) without (instance,pod))',
  },
  // CoreDNSErrorsHigh
  {
    expr: 'sum without (pod, instance, server, zone, view, rcode, plugin) (rate(coredns_dns_responses_total{job=~"$job",rcode="SERVFAIL"}[5m])) / sum without (pod, instance, server, zone, view, rcode, plugin) (rate(coredns_dns_responses_total{job=~"$job"}[5m]))',
  },
  // CoreDNSForwardHealthcheckFailureCount, with the name of today
  { expr: 'sum without (pod, instance) (rate(coredns_proxy_healthcheck_failures_total{job=~"$job"}[5m]))' },
  // CoreDNSForwardHealthcheckBrokenCount
  { expr: 'sum without (pod, instance) (rate(coredns_forward_healthcheck_broken_total{job=~"$job"}[5m]))' },
  // CoreDNSForwardLatencyHigh and CoreDNSForwardErrorsHigh, with the name of today
  {
    expr: 'histogram_quantile(0.99, sum(rate(coredns_proxy_request_duration_seconds_bucket{job=~"$job"}[5m])) without (pod, instance, rcode))',
  },
  {
    expr: 'sum without (pod, instance, rcode, le) (rate(coredns_proxy_request_duration_seconds_count{job=~"$job",rcode="SERVFAIL"}[5m])) / sum without (pod, instance, rcode, le) (rate(coredns_proxy_request_duration_seconds_count{job=~"$job"}[5m]))',
  },
  // CorednsPanicCount of samber/awesome-prometheus-alerts
  { expr: 'increase(coredns_panics_total[1m])' },
];

/** Variables of these dashboards, each by the metric that it lists the labels of. */
const VARIABLES: readonly StockQuery[] = ['coredns_build_info', 'coredns_dns_requests_total'].map((metric) => ({
  expr: `${metric}{job=~"$job"}`,
}));

/** Alerts on the node cache, of povilasv/coredns-mixin's users. */
const NODE_LOCAL: readonly StockQuery[] = [
  { expr: 'rate(coredns_nodecache_setup_errors_total{job=~"$job"}[5m])', of: 'node-local-dns' },
  { expr: 'absent(up{job="node-local-dns"} == 1)', empty: 'the node cache is there', of: 'node-local-dns' },
];

const ofProxy = (expr: string, empty?: string): StockQuery =>
  empty === undefined ? { expr, of: 'service-proxy' } : { expr, empty, of: 'service-proxy' };

/** The dashboard `Proxy` and the alert KubeProxyDown of kubernetes-mixin, with the cluster's label left out. */
const KUBE_PROXY: readonly StockQuery[] = [
  ofProxy('sum(up{job=~"$job"})'),
  ofProxy('sum(rate(kubeproxy_sync_proxy_rules_duration_seconds_count{job=~"$job", instance=~"$instance"}[5m]))'),
  ofProxy(
    'histogram_quantile(0.99,rate(kubeproxy_sync_proxy_rules_duration_seconds_bucket{job=~"$job", instance=~"$instance"}[5m]))',
  ),
  ofProxy('sum(rate(kubeproxy_network_programming_duration_seconds_count{job=~"$job"}[5m]))'),
  ofProxy(
    'histogram_quantile(0.99, sum(rate(kubeproxy_network_programming_duration_seconds_bucket{job=~"$job"}[5m])) by (instance, le))',
  ),
  ofProxy('sum(rate(rest_client_requests_total{job=~"$job",code=~"2.."}[5m]))'),
  ofProxy('sum(rate(rest_client_requests_total{job=~"$job",code=~"3.."}[5m]))', NOT_YET),
  ofProxy('sum(rate(rest_client_requests_total{job=~"$job",code=~"4.."}[5m]))'),
  ofProxy('sum(rate(rest_client_requests_total{job=~"$job",code=~"5.."}[5m]))', NOT_YET),
  ofProxy(
    'histogram_quantile(0.99, sum(rate(rest_client_request_duration_seconds_bucket{job=~"$job",verb="POST"}[5m])) by (verb, le))',
    'nothing is posted',
  ),
  ofProxy(
    'histogram_quantile(0.99, sum(rate(rest_client_request_duration_seconds_bucket{job=~"$job",verb="GET"}[5m])) by (verb, le))',
  ),
  ofProxy('process_resident_memory_bytes{job=~"$job",instance=~"$instance"}'),
  ofProxy('rate(process_cpu_seconds_total{job=~"$job",instance=~"$instance"}[5m])'),
  ofProxy('go_goroutines{job=~"$job",instance=~"$instance"}', GO),
  ofProxy('absent(up{job="service-proxy"} == 1)', 'the proxy is there'),
];

export const STOCK_QUERIES: readonly StockQuery[] = [
  ...KUBE_PROMETHEUS_STACK,
  ...KUBERNETES_SYSTEM,
  ...COREDNS_MIXIN,
  ...VARIABLES,
  ...NODE_LOCAL,
  ...KUBE_PROXY,
];
