import type { Name } from '#dns/name.ts';

/** What a name below a zone asks for. Labels are folded; '' where there is none. */
export interface RecordRequest {
  /** '' for the zone itself, `svc.ZONE` and `pod.ZONE`: names with nothing at them. */
  readonly kind: '' | 'svc' | 'pod';
  readonly namespace: string;
  /** The Service, or a Pod's address with dashes. */
  readonly service: string;
  readonly endpoint: string;
  readonly port: string;
  readonly protocol: string;
}

const EMPTY: RecordRequest = { kind: '', namespace: '', service: '', endpoint: '', port: '', protocol: '' };
const MAX_LABELS = 5;
/** Starts of the labels of the name that is being read; one, as reading never yields. */
const starts = new Int32Array(MAX_LABELS);

/**
 * Reads a name within `zone` by the Kubernetes DNS specification 1.1, from right to left; null where it follows no pattern:
 *
 *     [ENDPOINT | _PORT._PROTOCOL] . SERVICE . NAMESPACE . svc . ZONE
 *     ADDRESS-WITH-DASHES . NAMESPACE . pod . ZONE
 *
 * The underscores may be left out, as in CoreDNS (plugin/kubernetes/parse.go).
 */
export const parseRequest = (name: Name, zone: Name): RecordRequest | null => {
  const end = name.length - zone.length;
  if (end === 0) return EMPTY;
  let count = 0;
  for (let at = 0; at < end; at += 1 + name.charCodeAt(at)) {
    if (count === MAX_LABELS) return null;
    starts[count++] = at;
  }
  const kind = labelAt(name, count - 1);
  if (kind !== 'svc' && kind !== 'pod') return null;
  if (count === 1) return EMPTY;
  return {
    kind,
    namespace: labelAt(name, count - 2),
    service: count > 2 ? labelAt(name, count - 3) : '',
    endpoint: count === 4 ? labelAt(name, 0) : '',
    port: count === 5 ? withoutUnderscore(labelAt(name, 0)) : '',
    protocol: count === 5 ? withoutUnderscore(labelAt(name, 1)) : '',
  };
};

const labelAt = (name: Name, index: number): string => {
  const start = starts[index] as number;
  return name.slice(start + 1, start + 1 + name.charCodeAt(start));
};

const withoutUnderscore = (label: string): string => (label.startsWith('_') ? label.slice(1) : label);
