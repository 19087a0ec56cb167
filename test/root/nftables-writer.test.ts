import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nftables, nftablesPerService } from '#proxy/backends/nftables/index.ts';
import type { ServicePort, ServicePorts } from '#proxy/model/service-port.ts';
import type { RuleWriter, WriterEnvironment } from '#proxy/rule-backend.ts';
import type { IpFamily, RuleOptions } from '#proxy/rule-options.ts';
import { runs } from '#test/property-runs.ts';
import { missing, titled } from './needs.ts';
import { type KernelTable, kernelTable } from './nftables/kernel-table.ts';
import { Place } from './nftables/place.ts';
import { ruleOptions, type ServiceShape, servicePort, shapes } from './nftables/random-services.ts';

const TITLE = 'nftables rules in the kernel are those of a full render after any changes';
const reason = await missing(TITLE, ['root', 'nft', 'nsenter', 'ip']);

const LAYOUTS = [
  { name: 'Services as map elements', backend: nftables },
  { name: 'a chain for each Service', backend: nftablesPerService },
];

/** Something that happens between two looks at the kernel. */
type Step =
  | { readonly kind: 'change'; readonly shapes: readonly ServiceShape[]; readonly gone: readonly number[] }
  /** Another program, which knows nothing of what was before. */
  | { readonly kind: 'restart'; readonly shapes: readonly ServiceShape[] }
  | { readonly kind: 'options'; readonly change: Partial<RuleOptions> }
  | { readonly kind: 'damage'; readonly command: string };

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('change' as const),
      shapes: fc.array(shapes, { maxLength: 4 }),
      gone: fc.array(fc.nat(6), { maxLength: 2 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('restart' as const), shapes: fc.array(shapes, { maxLength: 3 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('options' as const),
      change: fc.constantFrom<Partial<RuleOptions>>(
        {},
        { masqueradeAll: true },
        { nodePortAddresses: 'all' },
        { localTraffic: { by: 'interface-prefix', prefix: 'veth' } },
        { serviceCidrs: [], localTraffic: { by: 'none' } },
        { masqueradeMark: 0x8000 },
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('damage' as const),
      command: fc.constantFrom(
        'delete table FAMILY kube-proxy',
        'flush table FAMILY kube-proxy',
        'flush map FAMILY kube-proxy service-ips',
        'add chain FAMILY kube-proxy foreign',
        'add rule FAMILY kube-proxy services drop',
      ),
    }),
  },
);

/** What the kernel has when the rendered text is loaded where nothing was. */
const rendered = async (
  place: Place,
  services: ServicePorts,
  options: RuleOptions,
  layout: (typeof LAYOUTS)[number],
): Promise<KernelTable> => {
  await place.nft('-f -', layout.backend.render(services, options));
  return kernelTable(place, options.family);
};

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  let place: Place;
  let fresh: Place;
  beforeAll(async () => {
    place = await Place.make();
    fresh = await Place.make();
  });
  afterAll(() => {
    place.remove();
    fresh.remove();
  });

  const environment = (family: IpFamily): WriterEnvironment => ({
    family,
    run: place.run,
    openEvents: place.openEvents,
    log: { debug: () => undefined, info: () => undefined, warning: () => undefined, error: () => undefined },
    now: () => performance.now(),
  });

  for (const layout of LAYOUTS) {
    it.each(['IPv4', 'IPv6'] as const)(`${layout.name}, %s`, async (family) => {
      await fc.assert(
        fc.asyncProperty(fc.array(steps, { minLength: 3, maxLength: 7 }), async (sequence) => {
          await layout.backend.cleanUp(place.run);
          let writer: RuleWriter = await layout.backend.open(environment(family));
          let options = ruleOptions(family);
          const services = new Map<string, ServicePort>();
          await writer.sync(services, options, null);
          for (const step of sequence) {
            let changed: Set<string> | null = new Set();
            const keyOf = (index: number): string | undefined =>
              [...services.keys()].find((key) => key.includes(`-${index}:`));
            if (step.kind === 'change') {
              for (const index of step.gone) {
                const key = keyOf(index);
                if (key === undefined) continue;
                services.delete(key);
                changed.add(key);
              }
            }
            if (step.kind === 'change' || step.kind === 'restart') {
              for (const shape of step.shapes) {
                const port = servicePort(shape, family);
                services.set(port.key, port);
                changed.add(port.key);
              }
            }
            if (step.kind === 'options') options = ruleOptions(family, step.change);
            if (step.kind === 'damage') {
              await place.nft(step.command.replace('FAMILY', family === 'IPv6' ? 'ip6' : 'ip'));
              changed = null;
            }
            if (step.kind === 'restart') {
              await writer.close();
              writer = await layout.backend.open(environment(family));
              changed = null;
            }
            await writer.sync(services, options, changed);
            const { sets, chains } = await kernelTable(place, family);
            const expected = await rendered(fresh, services, options, layout);
            expect({ sets, chains }).toEqual({ sets: expected.sets, chains: expected.chains });
            expect(await writer.isIntact()).toBe(true);
          }
          await writer.close();
        }),
        runs(4),
      );
    });
  }
});
