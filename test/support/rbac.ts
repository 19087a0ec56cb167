import { at, type Manifest } from './helm.ts';
import type { SeenRequest } from './http-front.ts';

/** One right: a verb on a resource of a group, of one name or of all, in one namespace or in all. */
export interface Grant {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  /** '' is every name. */
  readonly name: string;
  /** '' is every namespace. */
  readonly namespace: string;
}

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** What rendered roles and bindings give to a ServiceAccount, right by right. */
export const grantsOf = (manifests: readonly Manifest[], account: string, namespace: string): readonly Grant[] =>
  manifests
    .filter(({ kind }) => kind === 'ClusterRoleBinding' || kind === 'RoleBinding')
    .filter((binding) =>
      ((binding.subjects ?? []) as readonly Subject[]).some(
        (one) => one.kind === 'ServiceAccount' && one.name === account && one.namespace === namespace,
      ),
    )
    .flatMap((binding) => {
      const role = binding.roleRef as { readonly kind: string; readonly name: string };
      const rendered = manifests.find((one) => one.kind === role.kind && one.metadata.name === role.name);
      const where = binding.kind === 'RoleBinding' ? (binding.metadata.namespace ?? '') : '';
      return ((at(rendered, 'rules') ?? []) as readonly Rule[]).flatMap((rule) => grantsOfRule(rule, where));
    });

const grantsOfRule = (
  { apiGroups = [], resources = [], resourceNames = [''], verbs }: Rule,
  namespace: string,
): readonly Grant[] =>
  apiGroups.flatMap((group) =>
    resources.flatMap((resource) =>
      resourceNames.flatMap((name) => verbs.map((verb) => ({ verb, group, resource, name, namespace }))),
    ),
  );

/** The right that a request needs; null where everybody who is known to the API server has it. */
export const neededGrant = ({ path, query, isWatch }: SeenRequest, method: string): Grant | null => {
  const [, core, group = '', rest = ''] = /^\/(?:(api\/v1)|apis\/([^/]+)\/[^/]+)\/(.+)$/.exec(path) ?? [];
  // Discovery, version and health are open to all (system:discovery, system:public-info-viewer).
  if (core === undefined && group === '') return null;
  const [, namespace = '', resource = '', name = ''] =
    /^(?:namespaces\/([^/]+)\/)?([^/]+)(?:\/([^/]+))?/.exec(rest) ?? [];
  const selected = /(?:^|,)metadata\.name=([^,]+)/.exec(query.get('fieldSelector') ?? '')?.[1] ?? '';
  const verb = {
    GET: name !== '' ? 'get' : isWatch ? 'watch' : 'list',
    POST: 'create',
    PUT: 'update',
    PATCH: 'patch',
    DELETE: 'delete',
  }[method];
  return { verb: verb ?? method, group, resource, name: name || selected, namespace };
};

/** Whether a right is enough for what is needed. */
export const covers = (grant: Grant, needed: Grant): boolean =>
  matches(grant.verb, needed.verb) &&
  matches(grant.group, needed.group) &&
  matches(grant.resource, needed.resource) &&
  (grant.name === '' || grant.name === needed.name) &&
  (grant.namespace === '' || grant.namespace === needed.namespace);

const matches = (pattern: string, value: string): boolean => pattern === '*' || pattern === value;

export const grantText = ({ verb, group, resource, name, namespace }: Grant): string =>
  `${verb} ${resource}${group === '' ? '' : `.${group}`}${name === '' ? '' : ` ${name}`}${namespace === '' ? '' : ` in ${namespace}`}`;
