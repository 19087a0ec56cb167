/** A Pod that can be answered for, cut down to what is used. */
export interface Pod {
  readonly kind: 'Pod';
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  /** `status.podIP` as stored; '' while it has none. */
  readonly ip: string;
  readonly isTerminating: boolean;
  readonly labels: Readonly<Record<string, string>>;
}
