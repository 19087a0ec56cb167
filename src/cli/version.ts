import { arch, platform } from 'node:os';
import packageJson from '../../package.json' with { type: 'json' };

export const VERSION: string = packageJson.version;

/** Commit the program was built from, put in by the build; '' when run from source. */
declare const CLUSTER_DNS_REVISION: string | undefined;
export const REVISION: string = typeof CLUSTER_DNS_REVISION === 'string' ? CLUSTER_DNS_REVISION : '';

/** Two lines in CoreDNS's shape: program and version; platform, runtime and commit. */
export const versionText = (): string =>
  `cluster-dns-${VERSION}\n${platform()}/${arch()}, node${process.version.slice(1)}, ${REVISION}\n`;
