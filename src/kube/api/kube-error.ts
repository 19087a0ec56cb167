/** What kind of trouble it was; listed in docs/errors.md. */
export type KubeErrorCode =
  /** No connection, no response in time, or the connection ended too early. */
  | 'KUBE_UNREACHABLE'
  /** The server answered with an HTTP status, or a Status object, that is a refusal. */
  | 'KUBE_STATUS'
  /** The server no longer knows the resourceVersion or the continue token (410). */
  | 'KUBE_EXPIRED'
  /** The server can't do what was asked for, and need not be asked again. */
  | 'KUBE_UNSUPPORTED'
  /** The server sent what is not the JSON it should be. */
  | 'KUBE_BROKEN_DATA'
  /** The kubeconfig, the service account or the TLS files can't be used. */
  | 'KUBE_CONFIG';

export interface KubeErrorDetails {
  readonly status?: number;
  /** The server's Retry-After, in ms. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** Trouble with the API server, or with the way to it. */
export class KubeError extends Error {
  readonly code: KubeErrorCode;
  /** The HTTP status, or the code of a Status object; 0 where there is none. */
  readonly status: number;
  /** How long the server asked to be left alone, in ms; 0 where it did not. */
  readonly retryAfterMs: number;
  constructor(code: KubeErrorCode, message: string, details: KubeErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'KubeError';
    this.code = code;
    this.status = details.status ?? 0;
    this.retryAfterMs = details.retryAfterMs ?? 0;
  }
}

/** The error's text; a system error's code where it has no text of its own (an AggregateError of two addresses). */
export const textOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== '') return error.message;
  const inner = (error as { errors?: readonly unknown[] }).errors?.[0];
  return inner === undefined ? ((error as NodeJS.ErrnoException).code ?? error.name) : textOf(inner);
};
