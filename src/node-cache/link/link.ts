/** What holds the addresses on this node. */
export type LinkKind = 'dummy' | 'bridge' | 'loopback';

/** The link with the addresses. Whatever rejects does so with CommandError. */
export interface Link {
  /** Makes what is missing: a dummy device, where the kernel has none a bridge, else addresses on `lo`; gives which it was. */
  setUp(): Promise<LinkKind>;
  /** Puts back what somebody took away; gives a line for each thing that was missing. */
  repair(): Promise<readonly string[]>;
  /** Calls this soon after an address or the link was taken away. One listener. */
  onChange(listener: () => void): void;
  /** Where the start failed: takes away what `setUp` has made, and leaves what was there before. */
  undo(): Promise<void>;
  /** Takes link and addresses away. */
  remove(): Promise<void>;
  /** Looks and listens no more; everything stays as it is. */
  close(): void;
}
