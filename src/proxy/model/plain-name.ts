/**
 * Whether a name of a Namespace, a Service or a port is one that an API server would have taken. Names go into texts that tools run by root
 * read as commands, and manifests may have anything in them.
 */
export const isPlainName = (name: string): boolean => PLAIN.test(name);

const PLAIN = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/i;
