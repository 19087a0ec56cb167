/** Any text as a template, and any JSON as a ConfigMap: nothing throws, and no octet changes but those that are meant. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCorefile } from '#corefile/parser.ts';
import { runs } from '#test/property-runs.ts';
import { EditedText, offsetAt, placeAt } from './edited-text.ts';
import { NO_KUBE_DNS, parseKubeDns } from './kube-dns-config.ts';
import { corefileOf, renderTemplate } from './template.ts';
import { atOrigin } from './template-places.ts';
import { settingsOf } from './testing.ts';

const SETTINGS = settingsOf(['-localip', '169.254.20.10,fd00::a']);

const pieces = fc.constantFrom(
  ...['__PILLAR__UPSTREAM__SERVERS__', '__PILLAR__LOCAL__DNS__', '__PILLAR__CLUSTER__DNS__', '__PILLAR__DNS__SERVER__'],
  ...[
    '__PILLAR__',
    'forward',
    'force_tcp',
    'forward . __PILLAR__UPSTREAM__SERVERS__ {\n force_tcp\n}',
    'import',
    '.:53',
  ],
  ...['{', '}', '\n', '\r\n', ' ', '\t', '#', '"', '\\', ':53', '[', ']', '(x)', '\ufeff', 'é', '😀', '{$HOME}'],
);
const text = fc.array(pieces, { maxLength: 30 }).map((words) => words.join(''));
const spaced = fc.array(pieces, { maxLength: 30 }).map((words) => words.join(' '));

const kubeDns = {
  stubDomains: new Map([
    ['a.example', ['192.0.2.1']],
    ['b.example', ['192.0.2.2', '192.0.2.3:1053']],
  ]),
  upstreamNameservers: ['192.0.2.9'],
};

describe('a template of any text', () => {
  it('is rendered, and its faults are placed', () => {
    fc.assert(
      fc.property(fc.oneof(text, spaced), fc.boolean(), (template, hasConfig) => {
        const rendered = renderTemplate(template, SETTINGS, hasConfig ? kubeDns : NO_KUBE_DNS);
        const { faults, sources } = parseCorefile({ file: SETTINGS.corefile, text: corefileOf(rendered) });
        const origin = atOrigin({ faults: [...faults.list, ...rendered.faults], sources }, rendered, SETTINGS, '{}');
        for (const { token } of origin.faults) {
          if (token === null || token.file !== SETTINGS.baseCorefile) continue;
          expect(token.line).toBeLessThanOrEqual(template.split('\n').length);
          expect(token.column).toBeGreaterThan(0);
        }
      }),
      runs(500),
    );
  });

  it('keeps what stands between its variables where there is no ConfigMap', () => {
    fc.assert(
      fc.property(fc.oneof(text, spaced), (template) => {
        const { base } = renderTemplate(template, SETTINGS, NO_KUBE_DNS);
        const between = template.split(/__PILLAR__(?:UPSTREAM__SERVERS|LOCAL__DNS|CLUSTER__DNS|DNS__SERVER)__/);
        let at = 0;
        for (const part of between) {
          const found = base.text.indexOf(part, at);
          expect(found).toBeGreaterThanOrEqual(at);
          at = found + part.length;
        }
      }),
      runs(500),
    );
  });

  it('loses force_tcp and its braces at most where there is one', () => {
    const without = (template: string): string => template.replaceAll(/force_tcp|[\s{}]|#.*/g, '');
    fc.assert(
      fc.property(spaced, (template) => {
        const config = { ...NO_KUBE_DNS, upstreamNameservers: ['__PILLAR__UPSTREAM__SERVERS__'] };
        const same = renderTemplate(template, SETTINGS, { ...config, upstreamNameservers: [] }).base.text;
        const udp = renderTemplate(template, SETTINGS, config).base.text;
        expect(without(udp.replaceAll('__PILLAR__UPSTREAM__SERVERS__', '/etc/resolv.conf'))).toBe(without(same));
      }),
      runs(300),
    );
  });
});

describe('places', () => {
  it('lead to the same character in both directions', () => {
    fc.assert(
      fc.property(text, fc.nat(), (source, seed) => {
        const characters = [...source];
        const index = seed % (characters.length + 1);
        const offset = characters.slice(0, index).join('').length;
        if (offset === 0 && source.startsWith('\ufeff')) return;
        expect(offsetAt(source, placeAt(source, offset))).toBe(offset);
        expect(new EditedText(source, []).sourcePlace(placeAt(source, offset))).toEqual(placeAt(source, offset));
      }),
      runs(500),
    );
  });
});

describe('a ConfigMap of any JSON', () => {
  it('is read or refused, and what is read is safe in a Corefile', () => {
    const servers = fc.array(
      fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.constantFrom('1.1.1.1:53', 'tls://1.1.1.1%a}')),
    );
    const value = fc.oneof(
      fc.json(),
      fc.dictionary(fc.oneof(fc.domain(), fc.string()), servers).map((x) => JSON.stringify(x)),
    );
    fc.assert(
      fc.property(
        value,
        fc.oneof(
          fc.json(),
          servers.map((x) => JSON.stringify(x)),
        ),
        fc.string(),
        (stubs, ups, federations) => {
          const files = new Map([
            ['stubDomains', stubs],
            ['upstreamNameservers', ups],
            ['federations', federations],
          ] as const);
          const parsed = parseKubeDns(files, '/cm');
          if ('faults' in parsed) {
            for (const fault of parsed.faults) expect(fault).not.toContain('\n');
            return;
          }
          const template = '.:53 {\n forward . __PILLAR__UPSTREAM__SERVERS__\n}\n';
          const { corefile, faults } = parseCorefile({
            file: 'Corefile',
            text: corefileOf(renderTemplate(template, SETTINGS, parsed.config)),
          });
          expect(faults.list).toEqual([]);
          expect(corefile.blocks).toHaveLength(1 + parsed.config.stubDomains.size);
        },
      ),
      runs(500),
    );
  });
});
