import type { ServerResponse } from 'node:http';
import { refuse } from '../fake-api-server.ts';
import { FaultProxy, type FaultProxyOptions } from '../fault-proxy/fault-proxy.ts';
import type { SeenRequest } from '../http-front.ts';
import { covers, type Grant, grantText, neededGrant } from '../rbac.ts';

/** Stands before an API server that lets everybody do everything, and refuses with 403 what has not been granted, as RBAC does. */
export class GuardedApi extends FaultProxy {
  #grants: readonly Grant[] = [];
  readonly #used = new Set<Grant>();
  readonly #refused = new Set<string>();

  constructor(options: FaultProxyOptions) {
    super(options);
    this.always(
      () => true,
      (request, response) => this.#refuses(request, response),
    );
  }

  /** From now on these are the rights of whoever asks; what was seen before is forgotten. */
  grant(grants: readonly Grant[]): void {
    this.#grants = grants;
    this.#used.clear();
    this.#refused.clear();
    this.resetAll();
  }

  /** Each right that was asked for and not there. */
  get refused(): readonly string[] {
    return [...this.#refused].toSorted();
  }

  /** Each right that is there and was not asked for. */
  get unused(): readonly string[] {
    return this.#grants
      .filter((grant) => !this.#used.has(grant))
      .map(grantText)
      .toSorted();
  }

  #refuses(request: SeenRequest, response: ServerResponse): boolean {
    const needed = neededGrant(request, response.req.method ?? 'GET');
    if (needed === null) return false;
    const enough = this.#grants.filter((grant) => covers(grant, needed));
    for (const grant of enough) this.#used.add(grant);
    if (enough.length > 0) return needed.resource === 'servicecidrs' && noServiceCidrs(request, response);
    this.#refused.add(grantText(needed));
    return refuse(403, 'Forbidden')(request, response);
  }
}

/** The test's API server does not know the kind: there are none, and none come. */
const noServiceCidrs = ({ isWatch }: SeenRequest, response: ServerResponse): true => {
  response.writeHead(200, { 'content-type': 'application/json' });
  const list = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDRList',
    metadata: { resourceVersion: '1' },
    items: [],
  };
  if (isWatch) response.flushHeaders();
  else response.end(JSON.stringify(list));
  return true;
};
