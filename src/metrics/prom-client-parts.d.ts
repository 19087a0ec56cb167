/** Parts of prom-client that are imported alone, because the package's index costs 10 MB of resident memory. */
declare module 'prom-client/lib/registry.js' {
  import { Registry } from 'prom-client';
  export default Registry;
}

declare module 'prom-client/lib/metrics/*.js' {
  import type { Registry } from 'prom-client';

  /** Registers one part of the default metrics. */
  const register: (registry: Registry, config?: { readonly prefix?: string }) => void;
  export default register;
}
