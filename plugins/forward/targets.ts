import { splitHostPort, splitTransport, splitZone } from './host-port.ts';

/** An upstream as configured. */
export interface Target {
  /** An IP address; link-local IPv6 with its zone. */
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  /** From `%name`, or ''. */
  readonly serverName: string;
}

/** Why a target cannot be had; `hint` says what to do. */
export interface TargetFault {
  readonly message: string;
  readonly hint?: string;
}

/** What identifies an upstream: scheme and zone do not. CoreDNS: `normalizeAddr`. */
export const targetKey = (address: string): string => splitTransport(splitZone(address).host).rest;

/** Each upstream once, the first one seen. CoreDNS: `expandAndDedup`. */
export const distinctAddresses = (addresses: Iterable<string>): string[] => {
  const seen = new Map<string, string>();
  for (const address of addresses) if (!seen.has(targetKey(address))) seen.set(targetKey(address), address);
  return [...seen.values()];
};

/** Reads `[scheme://]host[%zone]:port`. `tlsServerName` is that of `tls_servername`, or ''. */
export const readTarget = (address: string, tlsServerName: string): Target | TargetFault => {
  const { host, zone } = splitZone(address);
  const { transport, rest } = splitTransport(host);
  if (transport !== 'dns' && transport !== 'tls') {
    const message = `'${transport}' is not supported as a destination protocol in forward: ${host}`;
    const hint = 'DNS over HTTPS is not built yet: use tls:// or plain DNS, or put a DoH proxy in front';
    return transport === 'https' ? { message, hint } : { message };
  }
  if (transport === 'tls' && zone !== '' && tlsServerName !== '')
    return {
      message: `both forward ('${tlsServerName}') and proxy level ('${zone}') TLS servernames are set for upstream proxy '${host}'`,
    };
  const split = splitHostPort(rest);
  const port = Number(split?.port);
  if (split === null || !/^\d+$/.test(split.port) || port < 1 || port > 65_535)
    return { message: `invalid address: ${JSON.stringify(address)}`, hint: 'the port is a number from 1 to 65535' };
  const isLinkLocal = transport === 'dns' && zone !== '' && /^fe[89ab]/i.test(split.host);
  return {
    host: isLinkLocal ? `${split.host}%${zone}` : split.host,
    port,
    isTls: transport === 'tls',
    serverName: transport === 'tls' ? zone : '',
  };
};
