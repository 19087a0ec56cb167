import { describe, expect, it } from 'vitest';
import { parseListing } from './listing.ts';

describe('the listing of a table', () => {
  const listing = parseListing(`table ip kube-proxy {
	comment "rules for kube-proxy"
	set cluster-ips {
		type ipv4_addr
		size 65535	# count 3
		comment "Active ClusterIPs"
		elements = { 10.96.0.1, 10.96.0.10,
			     10.96.0.11 }
	}

	map service-ips {
		type ipv4_addr . inet_proto . inet_service : verdict
		elements = { 10.96.0.1 . 6 . 443 : goto cluster-2,
			     10.96.0.10 . udp . 53 : drop }
	}

	map empty {
		type ipv4_addr : verdict
	}

	set affinity-ABCDEFGH-a/b/tcp/__10.0.0.1/80 {
		type ipv4_addr
		flags dynamic,timeout
		timeout 3h
		elements = { 192.0.2.1, 192.0.2.2 }
	}

	chain nat-prerouting {
		type nat hook prerouting priority -100; policy accept;
		jump services
	}

	chain endpoint-ABCDEFGH-a/b/tcp/__10.0.0.1/80 {
		update @affinity-ABCDEFGH-a/b/tcp/__10.0.0.1/80 { ip saddr }
		meta l4proto 6 dnat to 10.0.0.1:80
	}

	chain nothing {
	}
}
`);
  it('has sets with their elements, protocols by name', () => {
    expect(listing.lines).toEqual(['comment "rules for kube-proxy"']);
    expect([...(listing.sets.get('cluster-ips')?.elements.keys() ?? [])]).toEqual([
      '10.96.0.1',
      '10.96.0.10',
      '10.96.0.11',
    ]);
    expect(listing.sets.get('cluster-ips')?.declaration).toEqual(['type ipv4_addr', 'size 65535']);
    expect([...(listing.sets.get('service-ips')?.elements ?? [])]).toEqual([
      ['10.96.0.1 . tcp . 443', 'goto cluster-2'],
      ['10.96.0.10 . udp . 53', 'drop'],
    ]);
    expect(listing.sets.get('empty')).toMatchObject({ kind: 'map' });
  });
  it('leaves out what packets have added', () => {
    expect(listing.sets.get('affinity-ABCDEFGH-a/b/tcp/__10.0.0.1/80')?.elements.size).toBe(0);
  });
  it('has chains with their rules', () => {
    expect(listing.chains.get('nat-prerouting')).toEqual({
      base: 'type nat hook prerouting priority -100; policy accept;',
      rules: ['jump services'],
    });
    expect(listing.chains.get('endpoint-ABCDEFGH-a/b/tcp/__10.0.0.1/80')?.rules[1]).toBe(
      'meta l4proto tcp dnat to 10.0.0.1:80',
    );
    expect(listing.chains.get('nothing')).toEqual({ base: '', rules: [] });
  });
});
