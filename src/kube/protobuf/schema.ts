import type { Kind } from '../source.ts';

/**
 * What is read of one field. `texts`, `messages`: repeated. `map`: of texts, repeated entries. `presence`: only that it is there.
 * A field that no schema names is passed over: managedFields alone are half of an object.
 */
export type Field =
  | { readonly name: string; readonly type: 'text' | 'texts' | 'number' | 'boolean' | 'map' | 'octets' | 'presence' }
  | { readonly name: string; readonly type: 'message' | 'messages'; readonly schema: Schema };

/** Fields by their number. */
export type Schema = ReadonlyMap<number, Field>;

const plain = (name: string, type: Exclude<Field['type'], 'message' | 'messages'>): Field => ({ name, type });
const message = (name: string, schema: Schema): Field => ({ name, type: 'message', schema });
const messages = (name: string, schema: Schema): Field => ({ name, type: 'messages', schema });

/*
 * Field numbers are part of the Kubernetes API and never change: k8s.io/api and k8s.io/apimachinery, generated.proto. Only what
 * src/kube/objects looks at is here, under its name in JSON, so that one projection serves both.
 */

const OBJECT_META: Schema = new Map([
  [1, plain('name', 'text')],
  [3, plain('namespace', 'text')],
  [6, plain('resourceVersion', 'text')],
  [9, plain('deletionTimestamp', 'presence')],
  [11, plain('labels', 'map')],
  [12, plain('annotations', 'map')],
]);

const NAMESPACE: Schema = new Map([[1, message('metadata', OBJECT_META)]]);

const SERVICE_PORT: Schema = new Map([
  [1, plain('name', 'text')],
  [2, plain('protocol', 'text')],
  [3, plain('port', 'number')],
  [5, plain('nodePort', 'number')],
]);
const CLIENT_IP: Schema = new Map([[1, plain('timeoutSeconds', 'number')]]);
const SERVICE_SPEC: Schema = new Map([
  [1, messages('ports', SERVICE_PORT)],
  [2, plain('selector', 'map')],
  [3, plain('clusterIP', 'text')],
  [4, plain('type', 'text')],
  [5, plain('externalIPs', 'texts')],
  [7, plain('sessionAffinity', 'text')],
  [9, plain('loadBalancerSourceRanges', 'texts')],
  [10, plain('externalName', 'text')],
  [11, plain('externalTrafficPolicy', 'text')],
  [12, plain('healthCheckNodePort', 'number')],
  [14, message('sessionAffinityConfig', new Map([[1, message('clientIP', CLIENT_IP)]]))],
  [18, plain('clusterIPs', 'texts')],
  [22, plain('internalTrafficPolicy', 'text')],
  [23, plain('trafficDistribution', 'text')],
]);
const INGRESS: Schema = new Map([
  [1, plain('ip', 'text')],
  [2, plain('hostname', 'text')],
  [3, plain('ipMode', 'text')],
]);
const SERVICE_STATUS: Schema = new Map([[1, message('loadBalancer', new Map([[1, messages('ingress', INGRESS)]]))]]);
const SERVICE: Schema = new Map([
  [1, message('metadata', OBJECT_META)],
  [2, message('spec', SERVICE_SPEC)],
  [3, message('status', SERVICE_STATUS)],
]);

const CONDITIONS: Schema = new Map([
  [1, plain('ready', 'boolean')],
  [2, plain('serving', 'boolean')],
  [3, plain('terminating', 'boolean')],
]);
const NAMED: Schema = new Map([[1, plain('name', 'text')]]);
const HINTS: Schema = new Map([
  [1, messages('forZones', NAMED)],
  [2, messages('forNodes', NAMED)],
]);
const ENDPOINT: Schema = new Map([
  [1, plain('addresses', 'texts')],
  [2, message('conditions', CONDITIONS)],
  [3, plain('hostname', 'text')],
  [4, message('targetRef', new Map([[3, plain('name', 'text')]]))],
  [6, plain('nodeName', 'text')],
  [7, plain('zone', 'text')],
  [8, message('hints', HINTS)],
]);
const ENDPOINT_PORT: Schema = new Map([
  [1, plain('name', 'text')],
  [2, plain('protocol', 'text')],
  [3, plain('port', 'number')],
]);
const ENDPOINT_SLICE: Schema = new Map([
  [1, message('metadata', OBJECT_META)],
  [2, messages('endpoints', ENDPOINT)],
  [3, messages('ports', ENDPOINT_PORT)],
  [4, plain('addressType', 'text')],
]);

const POD: Schema = new Map([
  [1, message('metadata', OBJECT_META)],
  [3, message('status', new Map([[6, plain('podIP', 'text')]]))],
]);

const NODE_SPEC: Schema = new Map([
  [1, plain('podCIDR', 'text')],
  [5, messages('taints', new Map([[1, plain('key', 'text')]]))],
  [7, plain('podCIDRs', 'texts')],
]);
const NODE_ADDRESS: Schema = new Map([
  [1, plain('type', 'text')],
  [2, plain('address', 'text')],
]);
const NODE: Schema = new Map([
  [1, message('metadata', OBJECT_META)],
  [2, message('spec', NODE_SPEC)],
  [3, message('status', new Map([[5, messages('addresses', NODE_ADDRESS)]]))],
]);

const SERVICE_CIDR: Schema = new Map([
  [1, message('metadata', OBJECT_META)],
  [2, message('spec', new Map([[1, plain('cidrs', 'texts')]]))],
]);

/** The kinds that are watched. */
export const KIND_SCHEMAS: Readonly<Record<Kind, Schema>> = {
  Namespace: NAMESPACE,
  Service: SERVICE,
  EndpointSlice: ENDPOINT_SLICE,
  Pod: POD,
  Node: NODE,
  ServiceCIDR: SERVICE_CIDR,
};

export const LIST_META: Schema = new Map([
  [2, plain('resourceVersion', 'text')],
  [3, plain('continue', 'text')],
]);

export const STATUS: Schema = new Map([
  [3, plain('message', 'text')],
  [4, plain('reason', 'text')],
  [6, plain('code', 'number')],
]);

/** An event of a watch; `object` is an envelope with what the event is about. */
export const WATCH_EVENT: Schema = new Map([
  [1, plain('type', 'text')],
  [2, message('object', new Map([[1, plain('raw', 'octets')]]))],
]);

/** runtime.Unknown: what every message of its own is wrapped in. */
export const UNKNOWN: Schema = new Map([
  [1, message('typeMeta', new Map([[2, plain('kind', 'text')]]))],
  [2, plain('raw', 'octets')],
]);

/** Field of a list that holds its metadata, and of the one that holds its items: the same for every kind. */
export const LIST_METADATA_FIELD = 1;
export const LIST_ITEMS_FIELD = 2;
