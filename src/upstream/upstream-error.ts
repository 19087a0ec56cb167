/** What went wrong with an upstream. */
export type UpstreamErrorCode =
  | 'upstream-timeout'
  | 'upstream-connect'
  | 'upstream-io'
  | 'upstream-closed'
  | 'upstream-stopped';

/** Why an upstream gave no reply. The message has the words of Go's net package, because people search their logs for them. */
export class UpstreamError extends Error {
  readonly code: UpstreamErrorCode;
  /** `ADDRESS:PORT` of the upstream. */
  readonly upstream: string;

  constructor(code: UpstreamErrorCode, message: string, upstream: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.upstream = upstream;
  }
}

/** Go's words for a system call's error, by `errno` name. */
const ERRNO_TEXT: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EPIPE: 'broken pipe',
  ENETUNREACH: 'network is unreachable',
  EHOSTUNREACH: 'no route to host',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EINVAL: 'invalid argument',
  EMFILE: 'too many open files',
  EMSGSIZE: 'message too long',
  ETIMEDOUT: 'connection timed out',
};

/** Words of OpenSSL's verification codes as Go's crypto/x509 has them. */
const CERTIFICATE_TEXT: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate signed by unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate signed by unknown authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate signed by unknown authority',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate signed by unknown authority',
  CERT_HAS_EXPIRED: 'certificate has expired or is not yet valid',
  CERT_NOT_YET_VALID: 'certificate has expired or is not yet valid',
};

/** Text of an error of `node:net`, `node:dgram` or `node:tls`. */
export const reasonOf = (error: Error): string => {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const certificate = CERTIFICATE_TEXT[code];
  if (certificate !== undefined) return `tls: failed to verify certificate: x509: ${certificate}`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `tls: failed to verify certificate: x509: ${error.message}`;
  const { syscall } = error as NodeJS.ErrnoException;
  const text = ERRNO_TEXT[code] ?? error.message;
  return syscall === undefined || ERRNO_TEXT[code] === undefined ? text : `${CALL[syscall] ?? syscall}: ${text}`;
};

/** Names of system calls as Go prints them. */
const CALL: Readonly<Record<string, string>> = {
  recvmsg: 'read',
  recvmmsg: 'read',
  sendmsg: 'write',
  send: 'write',
};
