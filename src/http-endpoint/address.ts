/** Host and port of an HTTP address; the host is '' for all addresses. */
export interface HttpAddress {
  readonly host: string;
  readonly port: string;
}

const fault = (text: string, why: string): string => `address ${text}: ${why}`;

/** Reads `:8080`, `localhost:9153` or `[::1]:80`, or says what is wrong in the words of Go's net.SplitHostPort, as CoreDNS does. */
export const readHttpAddress = (text: string): HttpAddress | string => {
  const colon = text.lastIndexOf(':');
  if (colon < 0) return fault(text, 'missing port in address');
  if (text.startsWith('[')) {
    const end = text.indexOf(']');
    if (end < 0) return fault(text, "missing ']' in address");
    if (end + 1 === text.length) return fault(text, 'missing port in address');
    if (end + 1 !== colon) {
      const hasColon = text[end + 1] === ':';
      return fault(text, hasColon ? 'too many colons in address' : 'missing port in address');
    }
    const host = text.slice(1, end);
    if (host.includes('[')) return fault(text, "unexpected '[' in address");
    return { host, port: text.slice(colon + 1) };
  }
  const host = text.slice(0, colon);
  if (host.includes(':')) return fault(text, 'too many colons in address');
  if (/\[/.test(text)) return fault(text, "unexpected '[' in address");
  if (/\]/.test(text)) return fault(text, "unexpected ']' in address");
  return { host, port: text.slice(colon + 1) };
};
