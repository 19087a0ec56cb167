import { projectEndpointSlice } from '../objects/endpoint-slice.ts';
import { projectNamespace } from '../objects/namespace.ts';
import { projectNode } from '../objects/node.ts';
import { projectPod } from '../objects/pod.ts';
import { projectService } from '../objects/service.ts';
import { projectServiceCidr } from '../objects/service-cidr.ts';
import type { Kind, Known, KubeObject, SourceFilter } from '../source.ts';

/** One kind as the API serves it. */
export interface Resource<T extends Known = KubeObject> {
  readonly kind: Kind;
  /** For log lines. */
  readonly title: string;
  readonly path: string;
  /** Selectors, ready to be put into a query. */
  readonly selectors: Readonly<Record<string, string>>;
  /** A server may be without the kind, or keep it to itself: that counts as an empty list. */
  readonly isOptional?: true;
  /** The object cut down; null where it has no name. */
  readonly project: (raw: unknown) => T | null;
}

/** A Pod that has ended has no address any more that is its own. */
const LIVE_PODS = 'status.phase!=Succeeded,status.phase!=Failed,status.phase!=Unknown';

/** The kinds to watch. */
export const watchedResources = (filter: SourceFilter): readonly Resource[] => {
  const labels: Record<string, string> = filter.labelSelector === '' ? {} : { labelSelector: filter.labelSelector };
  const resources: Resource[] = [
    {
      kind: 'Service',
      title: 'Services',
      path: '/api/v1/services',
      selectors: labels,
      project: projectService,
    },
  ];
  if (filter.hasNamespaces !== false) {
    resources.push({
      kind: 'Namespace',
      title: 'Namespaces',
      path: '/api/v1/namespaces',
      selectors: filter.namespaceLabelSelector === '' ? {} : { labelSelector: filter.namespaceLabelSelector },
      project: projectNamespace,
    });
  }
  if (filter.hasEndpointSlices) {
    resources.push({
      kind: 'EndpointSlice',
      title: 'EndpointSlices',
      path: '/apis/discovery.k8s.io/v1/endpointslices',
      selectors: labels,
      project: projectEndpointSlice,
    });
  }
  if (filter.hasPods) {
    resources.push({
      kind: 'Pod',
      title: 'Pods',
      path: '/api/v1/pods',
      selectors: { ...labels, fieldSelector: LIVE_PODS },
      project: projectPod,
    });
  }
  if (filter.nodes !== undefined) resources.push(nodes(filter.nodes));
  if (filter.hasServiceCidrs === true) {
    resources.push({
      kind: 'ServiceCIDR',
      title: 'ServiceCIDRs',
      // Since Kubernetes 1.33.
      path: '/apis/networking.k8s.io/v1/servicecidrs',
      selectors: {},
      isOptional: true,
      project: projectServiceCidr,
    });
  }
  return resources;
};

const nodes = (which: 'all' | { readonly name: string }): Resource => ({
  kind: 'Node',
  title: which === 'all' ? 'Nodes' : `Node ${which.name}`,
  path: '/api/v1/nodes',
  selectors: which === 'all' ? {} : { fieldSelector: `metadata.name=${which.name}` },
  project: projectNode,
});

/** Path and query of a request for a resource. */
export const pathOf = (resource: Resource<Known>, query: Readonly<Record<string, string>>): string =>
  `${resource.path}?${new URLSearchParams({ ...resource.selectors, ...query })}`;
