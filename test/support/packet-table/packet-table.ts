import type { ProxyMode } from '#proxy/rule-backend.ts';
import { goldenCases } from './golden-cases.ts';
import { ownCases } from './own-cases.ts';
import type { PacketCase } from './packet-case.ts';

/** Every case that holds in a mode: the project's own, and kube-proxy's where they are at hand. */
export const packetTable = (mode: ProxyMode): readonly PacketCase[] => [...ownCases(mode), ...goldenCases(mode)];
