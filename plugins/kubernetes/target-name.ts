import { NameError, prependLabels, type WireName } from '#dns/name.ts';

/**
 * `TEXT.ZONE`, where each dot of the text ends a label (a Pod's name may have some). Null where it makes no name: a label that is
 * empty or too long, or more than 255 octets in all.
 */
export const nameBelow = <N extends WireName>(text: string, zone: N): N | null => {
  try {
    return prependLabels(text.split('.'), zone);
  } catch (error) {
    if (error instanceof NameError) return null;
    throw error;
  }
};

/** Text in front of the zone for a Service, or one of its endpoints. */
export const serviceText = (endpoint: string, name: string, namespace: string): string =>
  endpoint === '' ? `${name}.${namespace}.svc` : `${endpoint}.${name}.${namespace}.svc`;
