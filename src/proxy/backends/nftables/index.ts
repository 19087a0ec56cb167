import type { ServicePort, ServicePorts } from '../../model/service-port.ts';
import type { RuleBackend } from '../../rule-backend.ts';
import type { RuleOptions } from '../../rule-options.ts';
import { changeCommands } from './commands.ts';
import { Difference, type Uses } from './diff.ts';
import type { Layout } from './frame.ts';
import { tableOf } from './names.ts';
import { openWriter } from './open.ts';
import { hasSlots, planBlock } from './plan.ts';
import { removeTables } from './remove.ts';
import { renderTable } from './render.ts';
import { withSlots } from './slots.ts';
import { traceTable } from './trace.ts';

/** Services as elements of maps; a chain per Service where this kernel or this nft can't do that. */
export const nftables: RuleBackend = backendOf('map-only');

/** The layout of kube-proxy 1.36. */
export const nftablesPerService: RuleBackend = backendOf('per-service');

function backendOf(layout: Layout): RuleBackend {
  return {
    mode: 'nftables',
    render: (services, options, settings = {}) =>
      renderTable(inOrder(services), options, layout, { isNamed: true, ...settings }).text.join(''),
    diff: (before, after, options) => diffText(before, after, options, layout),
    trace: (services, options, machine, packet) => traceTable(services.values(), options, layout, machine, packet),
    open: (environment) => openWriter(environment, layout),
    cleanUp: (run) => removeTables(run),
  };
}

const inOrder = (services: ServicePorts): ServicePort[] =>
  [...services.values()].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));

const diffText = (before: ServicePorts, after: ServicePorts, options: RuleOptions, layout: Layout): string => {
  const uses: Uses = new Map();
  const start = new Difference(uses, options);
  for (const port of before.values()) start.add(planBlock(port, options, layout));
  start.commit();
  const difference = new Difference(uses, options);
  for (const port of before.values()) difference.remove(planBlock(port, options, layout));
  for (const port of inOrder(after)) {
    const placed = hasSlots(port, layout) ? withSlots(before.get(port.key), port) : port;
    difference.add(planBlock(placed, options, layout));
  }
  return changeCommands(difference.finish(), tableOf(options.family)).text.join('');
};
