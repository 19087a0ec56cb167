import type { EndpointShare, ExplainedEndpoint } from './endpoint-share.ts';

/** Endpoints as a table: where each is, and with which chance traffic goes there, or why it does not. */
export const endpointTable = (endpoints: readonly ExplainedEndpoint[]): readonly string[] => {
  if (endpoints.length === 0) return ['no slice names an endpoint for this port'];
  const hasCluster = endpoints.some(({ cluster }) => cluster !== null);
  const hasLocal = endpoints.some(({ local }) => local !== null);
  const rows = [
    ['endpoint', 'node', 'zone', ...(hasCluster ? ['of the cluster'] : []), ...(hasLocal ? ['on this node'] : [])],
    ...endpoints.map(({ text, nodeName, zone, cluster, local }) => [
      text,
      nodeName || '-',
      zone || '-',
      ...(cluster === null ? [] : [shareText(cluster)]),
      ...(local === null ? [] : [shareText(local)]),
    ]),
  ];
  const widths = (rows[0] as string[]).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] as string).length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] as number))
      .join('  ')
      .trimEnd(),
  );
};

const shareText = (share: EndpointShare): string =>
  share.isUsed ? `${(share.chance * 100).toFixed(1)} %` : share.reason;
