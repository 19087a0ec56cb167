import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chartRows } from '#test/chart-rows.ts';
import { at, helmTemplate, type Manifest } from '#test/helm.ts';
import type { SeenRequest } from '#test/http-front.ts';
import { PodScene } from '#test/pod-box/pod-scene.ts';
import { ownWorkload } from '#test/pod-box/rendered-pod.ts';
import { covers, type Grant, grantsOf, grantText, neededGrant } from '#test/rbac.ts';
import { until } from '#test/until.ts';
import { needTestbed, titled } from '../root/needs.ts';

const request = (url: string): SeenRequest => {
  const { pathname: path, searchParams: query } = new URL(url, 'http://localhost');
  return { path, query, headers: {}, isWatch: query.get('watch') === 'true' };
};

describe('a request needs', () => {
  it.each([
    ['GET', '/api/v1/services', 'list services'],
    ['GET', '/api/v1/services?watch=true&resourceVersion=7', 'watch services'],
    ['GET', '/api/v1/namespaces', 'list namespaces'],
    ['GET', '/api/v1/namespaces/shop', 'get namespaces shop'],
    ['GET', '/api/v1/namespaces/shop/services/a', 'get services a in shop'],
    ['GET', '/apis/discovery.k8s.io/v1/endpointslices?watch=true', 'watch endpointslices.discovery.k8s.io'],
    ['GET', '/api/v1/nodes?fieldSelector=metadata.name%3Dn1', 'list nodes n1'],
    ['POST', '/apis/events.k8s.io/v1/namespaces/default/events', 'create events.events.k8s.io in default'],
  ])('%s %s: %s', (method, url, needed) => {
    expect(grantText(neededGrant(request(url), method) as Grant)).toBe(needed);
  });

  it.each(['/version', '/api', '/apis/discovery.k8s.io/v1', '/readyz'])('nothing: %s', (url) => {
    expect(neededGrant(request(url), 'GET')).toBeNull();
  });
});

describe('a right', () => {
  const grant = (text: string): Grant => {
    const [verb = '', resource = '', group = '', name = '', namespace = ''] = text.split(' ');
    return { verb, resource, group: group === '-' ? '' : group, name, namespace };
  };

  it.each([
    ['list services -', 'list services -', true],
    ['list services -', 'watch services -', false],
    ['list services -', 'list services discovery.k8s.io', false],
    ['* * *', 'watch endpointslices discovery.k8s.io', true],
    ['get nodes - n1', 'get nodes - n2', false],
  ])('%s for %s: %s', (given, needed, isEnough) => {
    expect(covers(grant(given), grant(needed))).toBe(isEnough);
  });

  it('in one namespace is none in all of them', () => {
    const inShop = { ...grant('list services -'), namespace: 'shop' };
    expect(covers(inShop, grant('list services -'))).toBe(false);
    expect(covers(inShop, inShop)).toBe(true);
  });

  it('comes from a role by a binding to the account, of the account in its own namespace alone', () => {
    const metadata = { name: 'dns' };
    const role = {
      apiVersion: 'a',
      kind: 'ClusterRole',
      metadata,
      rules: [{ apiGroups: [''], resources: ['pods', 'services'], verbs: ['list'] }],
    };
    const roleRef = { kind: 'ClusterRole', name: 'dns' };
    const subjects = [{ kind: 'ServiceAccount', name: 'dns', namespace: 'kube-system' }];
    const all = [
      role,
      { apiVersion: 'a', kind: 'ClusterRoleBinding', metadata, roleRef, subjects },
    ] as readonly Manifest[];
    expect(grantsOf(all, 'dns', 'kube-system').map(grantText)).toEqual(['list pods', 'list services']);
    expect(grantsOf(all, 'dns', 'default')).toEqual([]);
    expect(grantsOf(all, 'other', 'kube-system')).toEqual([]);
  });
});

const TITLE = 'rendered rights, one taken away';
const NEEDS = ['root', 'helm', 'ip', 'openssl', 'setpriv', 'nft'];
const { reason, testbed } = await needTestbed(TITLE, NEEDS);

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  let scene: PodScene;

  beforeAll(async () => {
    scene = await PodScene.start(testbed);
  });
  afterAll(async () => {
    await scene?.stop();
    await testbed.stop();
  });

  // Those that read the most. That all of them are enough, test/charts/corefile.test.ts shows with every row.
  const rows = chartRows().filter(({ chart, name }) =>
    ['cluster-dns/verified', 'node-local-dns/watch', 'service-proxy/defaults'].includes(`${chart}/${name}`),
  );

  it.each(rows)('is refused to who needs it: $chart with values $name', async ({ chart, values }) => {
    const all = await helmTemplate(chart, values);
    const workload = ownWorkload(all);
    const account = `${at(workload, 'spec.template.spec.serviceAccountName')}`;
    const grants = grantsOf(all, account, 'kube-system').map(grantText);
    expect(grants.length).toBeGreaterThan(3);
    // Of each kind one of the two, in turn: without the list nothing is watched.
    for (const one of grants.filter((_, index) => index % 4 === 0 || index % 4 === 3)) {
      await scene.run(all, workload, { without: (grant) => grantText(grant) === one });
      await until(() => scene.api.refused.length > 0, `a request for ${one}`);
      // A proxy asks for its own Node alone, which takes the same right.
      expect(scene.api.refused.map((text) => text.replace(/ n1$/, ''))).toEqual([one]);
      await scene.clear();
    }
  });
});
