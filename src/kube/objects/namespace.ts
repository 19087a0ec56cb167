/** A Namespace, cut down to what is used. */
export interface Namespace {
  readonly kind: 'Namespace';
  readonly namespace: '';
  readonly name: string;
  readonly resourceVersion: string;
  readonly labels: Readonly<Record<string, string>>;
}
