/** What an endpoint's name is made from. */
export interface NamedEndpoint {
  readonly text: string;
  readonly hostname: string;
  readonly targetName: string;
}

/**
 * Label of an endpoint: its host name, else (with `endpoint_pod_names`) its Pod's name, else its address with dashes. A label that
 * would end in a dash gets a `0` after it: `fd00::` is `fd00--0`.
 */
export const endpointName = ({ text, hostname, targetName }: NamedEndpoint, hasPodNames: boolean): string => {
  if (hostname !== '') return hostname;
  if (hasPodNames && targetName !== '') return targetName;
  if (text.includes('.')) return text.replaceAll('.', '-');
  if (!text.includes(':')) return '';
  const dashed = text.replaceAll(':', '-');
  return dashed.endsWith('-') ? `${dashed}0` : dashed;
};
