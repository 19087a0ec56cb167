export { readDurationMs, readInteger } from '#corefile/readers.ts';
export type { Corefile, Directive, Faults, Occurrence, OptionLine, Token } from '#corefile/tree.ts';
export {
  firstLabel,
  foldName,
  isWithin,
  labelsOf,
  type Name,
  nameFromText,
  textFromName,
  tryNameFromText,
  type WireName,
  wireNameFromText,
} from '#dns/name.ts';
export {
  addressRecord,
  cnameRecord,
  nsRecord,
  ptrRecord,
  ResourceRecord,
  soaRecord,
  srvRecord,
  txtRecord,
} from '#dns/record.ts';
export { CLASS } from '#dns/registry/classes.ts';
export { RCODE } from '#dns/registry/rcodes.ts';
export { RR_TYPE, rrTypeName } from '#dns/registry/rr-types.ts';
export { composeChain, type Handler, type Layer, mapReply, type Next } from './chain.ts';
export {
  type AddressRange,
  type BlockInfo,
  type BlockSettings,
  definePlugin,
  type Instance,
  type PluginDefinition,
  type SetupContext,
  type SourceLimit,
  type UnbuiltPlugin,
  type ZoneKey,
} from './define.ts';
export { Generations } from './generations.ts';
export { isCurrent, Provenance, type RepeatedQuery, type RepeatedTally } from './provenance.ts';
export { ANY_UDP_SIZE, type Peer, Query, type Request, type ServerHandle, type Transport } from './query.ts';
export { Answer, DROP, type Drop, failure, type Reply, type Transfer } from './reply.ts';
export { type Clock, type Services, type SharedPort, type SharedPorts, systemClock } from './services.ts';
export { type Lease, SharedResources } from './shared.ts';
export { fallthroughZones, zonesFromArgs, zonesFromText } from './zones.ts';
