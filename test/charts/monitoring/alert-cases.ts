import type { Monitored } from './files.ts';

/** Series as promtool writes them, a value a minute; `T` stands for the labels of the target. */
type Input = Readonly<Record<string, string>>;

/** When an alert fires, and when it does not. */
export interface AlertCase {
  readonly alert: string;
  readonly fires: Input;
  readonly quiet: Input;
  /** Minutes from the beginning to the look. */
  readonly minutes: number;
  /** Labels of the alert besides its severity. */
  readonly labels: Readonly<Record<string, string>>;
  /** The description that is sent out. */
  readonly says: string;
}

/** What each series whose name ends in `T` has. */
export const TARGET = { job: 'dns', instance: 'a:1' } as const;
const JOB = { job: 'dns' } as const;
const OURS = { 'cluster_dns_tcp_connections{T}': '3+0x90' };
const NONE = '0+0x90';
const STEADY = '0+60x90';

const SERVER: readonly AlertCase[] = [
  {
    alert: 'ClusterDNSTargetDown',
    fires: { 'up{T}': '1+0x4 0+0x20', 'cluster_dns_tcp_connections{T}': '3+0x4' },
    quiet: { 'up{T}': '1+0x20', ...OURS, 'up{job="other", instance="a:1"}': '0+0x20' },
    minutes: 12,
    labels: TARGET,
    says: 'dns on a:1 has not answered a scrape for 5 minutes.',
  },
  {
    alert: 'ClusterDNSRestarting',
    fires: { 'process_start_time_seconds{T}': '1 1 2 2 3 3 4+0x20', ...OURS },
    quiet: { 'process_start_time_seconds{T}': '1 1 2 2 3+0x20', ...OURS },
    minutes: 12,
    labels: TARGET,
    says: 'dns on a:1 has started 3 times in 15 minutes.',
  },
  {
    alert: 'ClusterDNSErrorsHigh',
    fires: {
      'coredns_dns_responses_total{T, rcode="SERVFAIL"}': '0+2x30',
      'coredns_dns_responses_total{T, rcode="NOERROR"}': '0+98x30',
      ...OURS,
    },
    quiet: {
      'coredns_dns_responses_total{T, rcode="SERVFAIL"}': '0+1x30',
      'coredns_dns_responses_total{T, rcode="NOERROR"}': '0+199x30',
      ...OURS,
    },
    minutes: 20,
    labels: JOB,
    says: '2% of the replies of dns are SERVFAIL.',
  },
  {
    alert: 'ClusterDNSErrorsCritical',
    fires: {
      'coredns_dns_responses_total{T, rcode="SERVFAIL"}': '0+10x30',
      'coredns_dns_responses_total{T, rcode="NOERROR"}': '0+90x30',
      ...OURS,
    },
    quiet: {
      'coredns_dns_responses_total{T, rcode="SERVFAIL"}': '0+4x30',
      'coredns_dns_responses_total{T, rcode="NOERROR"}': '0+96x30',
      ...OURS,
    },
    minutes: 20,
    labels: JOB,
    says: '10% of the replies of dns are SERVFAIL.',
  },
  {
    alert: 'ClusterDNSServerErrorsHigh',
    fires: {
      'coredns_dns_responses_total{T, rcode="SERVFAIL"}': '0+20x30',
      'coredns_dns_responses_total{T, rcode="NOERROR"}': '0+80x30',
      'coredns_dns_responses_total{job="dns", instance="b:1", rcode="NOERROR"}': '0+900x30',
      ...OURS,
    },
    // Too few replies to say anything.
    quiet: {
      'coredns_dns_responses_total{T, rcode="SERVFAIL"}': '0+2x30',
      'coredns_dns_responses_total{T, rcode="NOERROR"}': '0+8x30',
      ...OURS,
    },
    minutes: 20,
    labels: TARGET,
    says: '20% of the replies of dns on a:1 are SERVFAIL.',
  },
  {
    alert: 'ClusterDNSLatencyHigh',
    fires: {
      'coredns_dns_request_duration_seconds_bucket{T, le="1.024"}': NONE,
      'coredns_dns_request_duration_seconds_bucket{T, le="2.048"}': STEADY,
      'coredns_dns_request_duration_seconds_bucket{T, le="+Inf"}': STEADY,
      ...OURS,
    },
    quiet: {
      'coredns_dns_request_duration_seconds_bucket{T, le="0.512"}': STEADY,
      'coredns_dns_request_duration_seconds_bucket{T, le="+Inf"}': STEADY,
      ...OURS,
    },
    minutes: 20,
    labels: JOB,
    says: '99 % of the replies of dns take up to 2.038s.',
  },
  {
    alert: 'ClusterDNSPanics',
    fires: { 'coredns_panics_total{T}': '0+0x4 2+0x20', ...OURS },
    quiet: { 'coredns_panics_total{T}': '2+0x20', ...OURS },
    minutes: 10,
    labels: TARGET,
    says: '2 queries of dns on a:1 ended with an error in the program, and got SERVFAIL.',
  },
  {
    alert: 'ClusterDNSReloadFailed',
    fires: { 'cluster_dns_reload_refused{T}': '1+0x10' },
    quiet: { 'cluster_dns_reload_refused{T}': '1 1 0+0x10' },
    minutes: 5,
    labels: TARGET,
    says: 'dns on a:1 goes on with the old Corefile, but would not start with the one that is there now.',
  },
  {
    alert: 'ClusterDNSQueriesDropped',
    fires: {
      'cluster_dns_udp_dropped_total{T, thread="1"}': STEADY,
      'cluster_dns_udp_outdated_total{T, thread="1"}': STEADY,
    },
    quiet: {
      'cluster_dns_udp_dropped_total{T, thread="1"}': '60+0x20',
      'cluster_dns_udp_outdated_total{T, thread="1"}': NONE,
    },
    minutes: 15,
    labels: TARGET,
    says: 'dns on a:1 drops 2 queries a second.',
  },
  {
    alert: 'ClusterDNSReceiveBufferDrops',
    fires: { 'cluster_dns_udp_receive_buffer_drops_total{T}': STEADY },
    quiet: { 'cluster_dns_udp_receive_buffer_drops_total{T}': '60+0x20' },
    minutes: 15,
    labels: TARGET,
    says: 'A full receive buffer of dns on a:1 costs 1 queries a second.',
  },
  {
    alert: 'ClusterDNSSourceLimited',
    fires: { 'cluster_dns_udp_limited_total{T, thread="1"}': '0+1200x30' },
    quiet: { 'cluster_dns_udp_limited_total{T, thread="1"}': STEADY },
    minutes: 20,
    labels: TARGET,
    says: 'dns on a:1 does not answer 20 queries a second, as their source is above source_limit.',
  },
  {
    alert: 'ClusterDNSThreadRestarts',
    fires: { 'cluster_dns_udp_thread_restarts_total{T}': '0+0x4 1+0x20' },
    quiet: { 'cluster_dns_udp_thread_restarts_total{T}': '1+0x20' },
    minutes: 15,
    labels: TARGET,
    says: '1 listener threads of dns on a:1 died and were replaced.',
  },
  {
    alert: 'ClusterDNSSendFailures',
    fires: {
      'cluster_dns_udp_send_failures_total{T, thread="1"}': '0+120x30',
      'cluster_dns_udp_main_send_failures_total{T}': STEADY,
    },
    quiet: {
      'cluster_dns_udp_send_failures_total{T, thread="1"}': '0+10x30',
      'cluster_dns_udp_main_send_failures_total{T}': NONE,
    },
    minutes: 20,
    labels: TARGET,
    says: '3 replies a second of dns on a:1 can not be sent.',
  },
  {
    alert: 'ClusterDNSTCPConnectionsAtLimit',
    fires: { 'cluster_dns_tcp_connections{T}': '4600+0x30' },
    quiet: {
      'cluster_dns_tcp_connections{T}': '4000+0x30',
      'cluster_dns_tcp_closed_total{T, reason="client"}': STEADY,
    },
    minutes: 15,
    labels: TARGET,
    says: 'dns on a:1 closes TCP connections to make room for others.',
  },
  {
    alert: 'ClusterDNSTCPConnectionsAtLimit',
    fires: { 'cluster_dns_tcp_connections{T}': '100+0x30', 'cluster_dns_tcp_closed_total{T, reason="memory"}': STEADY },
    quiet: {
      'cluster_dns_tcp_connections{T}': '100+0x30',
      'cluster_dns_tcp_closed_total{T, reason="memory"}': '9+0x30',
    },
    minutes: 15,
    labels: TARGET,
    says: 'dns on a:1 closes TCP connections to make room for others.',
  },
  {
    alert: 'ClusterDNSDescriptorsLow',
    fires: { 'process_open_fds{T}': '900+0x20', 'process_max_fds{T}': '1000+0x20', ...OURS },
    quiet: { 'process_open_fds{T}': '700+0x20', 'process_max_fds{T}': '1000+0x20', ...OURS },
    minutes: 10,
    labels: TARGET,
    says: 'dns on a:1 uses 90% of its file descriptors.',
  },
  {
    alert: 'ClusterDNSCacheTooSmall',
    fires: {
      'coredns_cache_evictions_total{T, type="success"}': '0+20x90',
      'coredns_cache_requests_total{T}': '0+100x90',
      ...OURS,
    },
    quiet: {
      'coredns_cache_evictions_total{T, type="success"}': '0+5x90',
      'coredns_cache_requests_total{T}': '0+100x90',
      ...OURS,
    },
    minutes: 60,
    labels: TARGET,
    says: 'In dns on a:1 one reply is dropped for want of room in 20% of the look-ups.',
  },
  {
    alert: 'ClusterDNSCacheAtMemoryBound',
    fires: {
      'cluster_dns_cache_memory_bytes{T}': '98+0x90',
      'cluster_dns_cache_memory_limit_bytes{T}': '100+0x90',
      ...OURS,
    },
    quiet: {
      'cluster_dns_cache_memory_bytes{T}': '90+0x90',
      'cluster_dns_cache_memory_limit_bytes{T}': '100+0x90',
      ...OURS,
    },
    minutes: 40,
    labels: TARGET,
    says: 'The cache of dns on a:1 has used 98% of its memory for 30 minutes.',
  },
  {
    alert: 'ClusterDNSClusterDataStale',
    fires: {
      'cluster_dns_kubernetes_stale_seconds{T, kind="Service"}': STEADY,
      'cluster_dns_kubernetes_stale_seconds{T, kind="Namespace"}': NONE,
      ...OURS,
    },
    // The Service proxy has the metric too.
    quiet: {
      'cluster_dns_kubernetes_stale_seconds{T, kind="Service"}': '0 60 0 60 0 60 0 60 0 60 0',
      'cluster_dns_kubernetes_stale_seconds{job="proxy", instance="a:1", kind="Service"}': STEADY,
      ...OURS,
    },
    minutes: 10,
    labels: TARGET,
    says: 'dns on a:1 has not been in step with the API server for 10m 0s.',
  },
  {
    alert: 'ClusterDNSUpstreamUnhealthy',
    fires: { 'coredns_proxy_healthcheck_failures_total{T, to="10.0.0.1:53"}': STEADY, ...OURS },
    quiet: { 'coredns_proxy_healthcheck_failures_total{T, to="10.0.0.1:53"}': '9+0x30', ...OURS },
    minutes: 15,
    labels: { ...JOB, to: '10.0.0.1:53' },
    says: 'The upstream 10.0.0.1:53 of dns fails 1 health checks a second.',
  },
  {
    alert: 'ClusterDNSAllUpstreamsUnhealthy',
    fires: { 'coredns_forward_healthcheck_broken_total{T}': STEADY, ...OURS },
    // CoreDNS has the metric too; its alerts are others.
    quiet: { 'coredns_forward_healthcheck_broken_total{job="coredns", instance="c:1"}': STEADY, ...OURS },
    minutes: 10,
    labels: JOB,
    says: 'dns asks upstreams although all of them fail their health checks.',
  },
  {
    alert: 'ClusterDNSUpstreamErrorsHigh',
    fires: {
      'coredns_proxy_request_duration_seconds_count{T, to="10.0.0.1:53", rcode="SERVFAIL"}': '0+10x30',
      'coredns_proxy_request_duration_seconds_count{T, to="10.0.0.1:53", rcode="NOERROR"}': '0+90x30',
      ...OURS,
    },
    quiet: {
      'coredns_proxy_request_duration_seconds_count{T, to="10.0.0.1:53", rcode="SERVFAIL"}': '0+1x30',
      'coredns_proxy_request_duration_seconds_count{T, to="10.0.0.1:53", rcode="NOERROR"}': '0+99x30',
      ...OURS,
    },
    minutes: 20,
    labels: { ...JOB, to: '10.0.0.1:53' },
    says: '10% of the replies of 10.0.0.1:53 to dns are SERVFAIL.',
  },
  {
    alert: 'ClusterDNSUpstreamLatencyHigh',
    fires: {
      'coredns_proxy_request_duration_seconds_bucket{T, to="10.0.0.1:53", le="2.048"}': NONE,
      'coredns_proxy_request_duration_seconds_bucket{T, to="10.0.0.1:53", le="4.096"}': STEADY,
      'coredns_proxy_request_duration_seconds_bucket{T, to="10.0.0.1:53", le="+Inf"}': STEADY,
      ...OURS,
    },
    quiet: {
      'coredns_proxy_request_duration_seconds_bucket{T, to="10.0.0.1:53", le="1.024"}': STEADY,
      'coredns_proxy_request_duration_seconds_bucket{T, to="10.0.0.1:53", le="+Inf"}': STEADY,
      ...OURS,
    },
    minutes: 20,
    labels: { ...JOB, to: '10.0.0.1:53' },
    says: '99 % of the replies of 10.0.0.1:53 to dns take up to 4.076s.',
  },
  {
    alert: 'ClusterDNSForwardLimit',
    fires: { 'coredns_forward_max_concurrent_rejects_total{T}': STEADY, ...OURS },
    quiet: { 'coredns_forward_max_concurrent_rejects_total{T}': '9+0x30', ...OURS },
    minutes: 15,
    labels: TARGET,
    says: 'dns on a:1 refuses 1 queries a second because as many as may wait for upstreams do.',
  },
  {
    alert: 'ClusterDNSForwardIgnoredReplies',
    fires: { 'cluster_dns_forward_ignored_replies_total{T, to="10.0.0.1:53", proto="udp", reason="id"}': '0+1200x30' },
    quiet: { 'cluster_dns_forward_ignored_replies_total{T, to="10.0.0.1:53", proto="udp", reason="id"}': STEADY },
    minutes: 20,
    labels: { ...TARGET, to: '10.0.0.1:53' },
    says: 'dns on a:1 ignores 20 messages a second that seem to come from 10.0.0.1:53.',
  },
  {
    alert: 'ClusterDNSLogLinesDropped',
    fires: { 'cluster_dns_log_dropped_lines_total{T}': STEADY },
    quiet: { 'cluster_dns_log_dropped_lines_total{T}': '9+0x30' },
    minutes: 15,
    labels: TARGET,
    says: 'dns on a:1 drops 1 log lines a second, as nobody reads them fast enough.',
  },
];

const CLUSTER_DATA: readonly AlertCase[] = [
  {
    alert: 'ClusterDNSAbsent',
    fires: { 'coredns_plugin_enabled{T, name="forward"}': '1+0x20' },
    quiet: { 'coredns_plugin_enabled{T, name="kubernetes"}': '1+0x20' },
    minutes: 10,
    labels: { name: 'kubernetes' },
    says: 'Prometheus scrapes no server that has `kubernetes` in its Corefile.',
  },
  {
    alert: 'ClusterDNSAPIRequestsRefused',
    fires: {
      'coredns_kubernetes_rest_client_requests_total{T, code="403", method="GET", host="h"}': '0+6x30',
      ...OURS,
    },
    quiet: {
      'coredns_kubernetes_rest_client_requests_total{T, code="200", method="GET", host="h"}': '0+6x30',
      ...OURS,
    },
    minutes: 15,
    labels: { ...TARGET, code: '403' },
    says: 'dns on a:1 gets 403 from the API server.',
  },
  {
    alert: 'ClusterDNSChangesSlow',
    fires: {
      'cluster_dns_kubernetes_event_apply_seconds_bucket{T, kind="Service", le="1"}': NONE,
      'cluster_dns_kubernetes_event_apply_seconds_bucket{T, kind="Service", le="3"}': STEADY,
      'cluster_dns_kubernetes_event_apply_seconds_bucket{T, kind="Service", le="+Inf"}': STEADY,
      ...OURS,
    },
    quiet: {
      'cluster_dns_kubernetes_event_apply_seconds_bucket{T, kind="Service", le="0.1"}': STEADY,
      'cluster_dns_kubernetes_event_apply_seconds_bucket{T, kind="Service", le="+Inf"}': STEADY,
      ...OURS,
    },
    minutes: 20,
    labels: TARGET,
    says: 'From reading a change to answering it dns on a:1 takes up to 2.98s.',
  },
  {
    alert: 'ClusterDNSAnsweringFromStateFile',
    fires: { 'cluster_dns_kubernetes_restored{T, file="/state"}': '1+0x20' },
    quiet: { 'cluster_dns_kubernetes_restored{T, file="/state"}': '1 1 0+0x20' },
    minutes: 10,
    labels: { ...TARGET, file: '/state' },
    says: 'dns on a:1 could not list the cluster since its start, and answers what /state says.',
  },
  {
    alert: 'ClusterDNSStateWriteFailing',
    fires: { 'cluster_dns_kubernetes_state_writes_total{T, file="/state", result="failed"}': '0+1x30' },
    quiet: { 'cluster_dns_kubernetes_state_writes_total{T, file="/state", result="ok"}': '0+1x30' },
    minutes: 20,
    labels: { ...TARGET, file: '/state', result: 'failed' },
    says: 'dns on a:1 could not write /state.',
  },
];

const NODE: readonly AlertCase[] = [
  {
    alert: 'NodeLocalDNSAbsent',
    fires: OURS,
    quiet: { 'cluster_dns_nodecache_alive{T, address="169.254.20.10"}': '1+0x30' },
    minutes: 20,
    labels: {},
    says: 'Prometheus scrapes no node cache.',
  },
  {
    alert: 'NodeLocalDNSTargetDown',
    fires: { 'up{T}': '1+0x4 0+0x20', 'cluster_dns_nodecache_alive{T, address="169.254.20.10"}': '1+0x4' },
    quiet: { 'up{T}': '1+0x24', 'cluster_dns_nodecache_alive{T, address="169.254.20.10"}': '1+0x24' },
    minutes: 20,
    labels: TARGET,
    says: 'The node cache on a:1 has not answered a scrape for 10 minutes.',
  },
  {
    alert: 'NodeLocalDNSNotAlive',
    fires: {
      'cluster_dns_nodecache_alive{T, address="169.254.20.10"}': '1+0x30',
      'cluster_dns_nodecache_alive{T, address="10.96.0.10"}': '1 0+0x30',
    },
    quiet: { 'cluster_dns_nodecache_alive{T, address="169.254.20.10"}': '1 0 0 1+0x30' },
    minutes: 10,
    labels: TARGET,
    says: 'Queries on a:1 have gone past the node cache, to the DNS of the cluster, for 5 minutes.',
  },
  {
    alert: 'NodeLocalDNSManyNotAlive',
    fires: {
      'cluster_dns_nodecache_alive{T, address="169.254.20.10"}': '0+0x30',
      'cluster_dns_nodecache_alive{job="dns", instance="b:1", address="169.254.20.10"}': '1+0x30',
    },
    quiet: { 'cluster_dns_nodecache_alive{T, address="169.254.20.10"}': '1+0x30' },
    minutes: 10,
    labels: JOB,
    says: 'On 50% of the nodes queries go past the node cache, to the DNS of the cluster.',
  },
  {
    alert: 'NodeLocalDNSFlapping',
    fires: { 'cluster_dns_nodecache_alive{T, address="169.254.20.10"}': '1 0 1 0 1 0 1+0x30' },
    quiet: { 'cluster_dns_nodecache_alive{T, address="169.254.20.10"}': '1 0 1 0 1+0x30' },
    minutes: 20,
    labels: TARGET,
    says: 'On a:1 queries changed 6 times in 30 minutes between the node cache and the DNS of the cluster.',
  },
  {
    alert: 'NodeLocalDNSSetupErrors',
    fires: { 'coredns_nodecache_setup_errors_total{T, errortype="iptables"}': '0+1x30' },
    quiet: { 'coredns_nodecache_setup_errors_total{T, errortype="iptables"}': '5+0x30' },
    minutes: 20,
    labels: { ...TARGET, errortype: 'iptables' },
    says: 'a:1 has had 10 errors of the kind iptables in 10 minutes.',
  },
  {
    alert: 'NodeLocalDNSRulesMissing',
    fires: { 'cluster_dns_nodecache_rules_present{T, kind="nftables"}': '0+0x20' },
    quiet: { 'cluster_dns_nodecache_rules_present{T, kind="nftables"}': '1+0x20' },
    minutes: 5,
    labels: { ...TARGET, kind: 'nftables' },
    says: 'The nftables rules on a:1 are missing, and could not be put back.',
  },
  {
    alert: 'NodeLocalDNSRepairedOften',
    fires: { 'cluster_dns_nodecache_repairs_total{T, what="rules"}': '0+1x90' },
    quiet: { 'cluster_dns_nodecache_repairs_total{T, what="rules"}': '0+0x20 2+0x70' },
    minutes: 60,
    labels: { ...TARGET, what: 'rules' },
    says: 'The rules of the node cache on a:1 had to be put right 60 times in an hour.',
  },
];

const PROXY: readonly AlertCase[] = [
  {
    alert: 'ServiceProxyAbsent',
    fires: OURS,
    quiet: { 'kubeproxy_sync_proxy_rules_last_timestamp_seconds{T}': '1+0x30' },
    minutes: 20,
    labels: {},
    says: 'Prometheus scrapes no Service proxy.',
  },
  {
    alert: 'ServiceProxyTargetDown',
    fires: { 'up{T}': '1+0x4 0+0x20', 'kubeproxy_sync_proxy_rules_last_timestamp_seconds{T}': '1+0x4' },
    quiet: { 'up{T}': '1+0x24', 'kubeproxy_sync_proxy_rules_last_timestamp_seconds{T}': '1+0x24' },
    minutes: 20,
    labels: TARGET,
    says: 'The Service proxy on a:1 has not answered a scrape for 10 minutes.',
  },
  {
    alert: 'ServiceProxyRestarting',
    fires: {
      'process_start_time_seconds{T}': '1 1 2 2 3 3 4+0x20',
      'kubeproxy_sync_proxy_rules_last_timestamp_seconds{T}': '1+0x30',
    },
    quiet: {
      'process_start_time_seconds{T}': '1 1 2+0x20',
      'kubeproxy_sync_proxy_rules_last_timestamp_seconds{T}': '1+0x30',
    },
    minutes: 12,
    labels: TARGET,
    says: 'The Service proxy on a:1 has started 3 times in 15 minutes.',
  },
  ...['nftables_sync', 'iptables_restore'].map((what) => ({
    alert: 'ServiceProxySyncFailing',
    fires: { [`kubeproxy_sync_proxy_rules_${what}_failures_total{T}`]: '0+2x30' },
    quiet: { [`kubeproxy_sync_proxy_rules_${what}_failures_total{T}`]: '2+0x30' },
    minutes: 20,
    labels: TARGET,
    says: '20 syncs of the Service proxy on a:1 failed in 10 minutes.',
  })),
  {
    alert: 'ServiceProxySyncPending',
    fires: {
      'kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds{T}': '1000+0x30',
      'kubeproxy_sync_proxy_rules_last_timestamp_seconds{T}': '880+0x30',
    },
    quiet: {
      'kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds{T}': '1000+0x30',
      'kubeproxy_sync_proxy_rules_last_timestamp_seconds{T}': '1001+0x30',
    },
    minutes: 5,
    labels: TARGET,
    says: 'On a:1 rules are those of 2m 0s before the last change of the cluster.',
  },
  {
    alert: 'ServiceProxyClusterDataStale',
    fires: {
      'cluster_dns_kubernetes_stale_seconds{T, kind="Service"}': STEADY,
      'kubeproxy_sync_proxy_rules_last_timestamp_seconds{T}': '1+0x30',
    },
    quiet: { 'cluster_dns_kubernetes_stale_seconds{T, kind="Service"}': STEADY, ...OURS },
    minutes: 10,
    labels: TARGET,
    says: 'The Service proxy on a:1 has not been in step with the API server for 10m 0s.',
  },
  {
    alert: 'ServiceProxyUnhealthy',
    fires: { 'kubeproxy_proxy_livez_total{T, code="503"}': '0+6x30' },
    quiet: {
      'kubeproxy_proxy_livez_total{T, code="200"}': '0+6x30',
      'kubeproxy_proxy_healthz_total{T, code="503"}': '0+6x30',
    },
    minutes: 10,
    labels: { ...TARGET, code: '503' },
    says: '/livez of the Service proxy on a:1 has answered 503.',
  },
  {
    alert: 'ServiceProxySyncSlow',
    fires: {
      'kubeproxy_sync_proxy_rules_duration_seconds_bucket{T, ip_family="IPv4", le="4"}': NONE,
      'kubeproxy_sync_proxy_rules_duration_seconds_bucket{T, ip_family="IPv4", le="8"}': STEADY,
      'kubeproxy_sync_proxy_rules_duration_seconds_bucket{T, ip_family="IPv4", le="+Inf"}': STEADY,
    },
    quiet: {
      'kubeproxy_sync_proxy_rules_duration_seconds_bucket{T, ip_family="IPv4", le="4"}': STEADY,
      'kubeproxy_sync_proxy_rules_duration_seconds_bucket{T, ip_family="IPv4", le="+Inf"}': STEADY,
    },
    minutes: 30,
    labels: TARGET,
    says: 'A sync of the Service proxy on a:1 takes up to 7.96s.',
  },
  {
    alert: 'ServiceProxyProgrammingSlow',
    fires: {
      'kubeproxy_network_programming_duration_seconds_bucket{T, ip_family="IPv4", le="30"}': NONE,
      'kubeproxy_network_programming_duration_seconds_bucket{T, ip_family="IPv4", le="40"}': STEADY,
      'kubeproxy_network_programming_duration_seconds_bucket{T, ip_family="IPv4", le="+Inf"}': STEADY,
    },
    quiet: {
      'kubeproxy_network_programming_duration_seconds_bucket{T, ip_family="IPv4", le="30"}': STEADY,
      'kubeproxy_network_programming_duration_seconds_bucket{T, ip_family="IPv4", le="+Inf"}': STEADY,
    },
    minutes: 30,
    labels: JOB,
    says: 'From the change of endpoints to its rules it takes up to 39.9s (dns).',
  },
  {
    alert: 'ServiceProxyCleanupFailing',
    fires: { 'kubeproxy_sync_proxy_rules_nftables_cleanup_failures_total{T}': '0+1x90' },
    quiet: { 'kubeproxy_sync_proxy_rules_nftables_cleanup_failures_total{T}': '0+0x20 2+0x70' },
    minutes: 60,
    labels: TARGET,
    says: 'The Service proxy on a:1 could not remove chains of no use 30 times in 30 minutes.',
  },
];

export const ALERT_CASES: Readonly<Record<Monitored, readonly AlertCase[]>> = {
  'cluster-dns': [...SERVER, ...CLUSTER_DATA],
  'node-local-dns': [...NODE, ...SERVER],
  'service-proxy': PROXY,
};
