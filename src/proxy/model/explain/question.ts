import type { ProxyMode } from '../../rule-backend.ts';
import type { IpFamily, RuleOptions } from '../../rule-options.ts';
import type { ClusterModel } from '../cluster-model.ts';
import type { ServicePort, ServicePorts } from '../service-port.ts';

type Protocol = ServicePort['protocol'];

/** What somebody wants to know about. */
export type Question =
  | {
      readonly kind: 'address';
      /** Canonical text. */
      readonly address: string;
      /** null for all. */
      readonly port: number | null;
      readonly protocol: Protocol | null;
    }
  | {
      readonly kind: 'service';
      /** null for `default`, or the only one that has such a Service. */
      readonly namespace: string | null;
      readonly name: string;
      /** Name or number; null for all. */
      readonly port: string | null;
      readonly protocol: Protocol | null;
    };

/** Where the question is asked. */
export interface ExplainScene {
  readonly model: ClusterModel;
  readonly mode: ProxyMode;
  readonly families: Readonly<Partial<Record<IpFamily, ExplainFamily>>>;
  /** Addresses of all interfaces of the node. */
  readonly localAddresses: ReadonlySet<string>;
  /** A hint for a word that is none of the known ones, such as `did you mean "web"?`. */
  suggest(word: string, known: readonly string[]): string | undefined;
}

export interface ExplainFamily {
  /** What the model gave for this family. */
  readonly services: ServicePorts;
  readonly options: RuleOptions;
}

/** An answer; `fault` where there is nothing of that name or address, with what there is. */
export interface Explanation {
  readonly kind: 'answer' | 'fault';
  /** Lines, each ended. */
  readonly text: string;
}
