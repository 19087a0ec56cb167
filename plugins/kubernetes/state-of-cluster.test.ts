import { describe, expect, it } from 'vitest';
import { faultLine } from '#corefile/diagnostics.ts';
import { testServices } from '#plugin/testing.ts';
import { configure } from '#server/configuration.ts';
import definition from './index.ts';
import type { KubernetesInstance } from './instance.ts';

/** One server block for each list of lines. */
const read = (blocks: readonly string[], manifestDirectories: readonly string[] = []) => {
  const text = blocks
    .map((lines, i) => `zone-${i}.test {\n  kubernetes {\n    endpoint http://192.0.2.1\n    ${lines}\n  }\n}\n`)
    .join('');
  const { faults, instances } = configure({
    plugins: [definition],
    services: testServices({ manifestDirectories }),
    events: { dropped: () => undefined, panic: () => undefined },
    defaultPort: 53,
    defaultHosts: [''],
    file: 'Corefile',
    text: text.replaceAll('endpoint http://192.0.2.1\n    ', manifestDirectories.length > 0 ? '' : '$&'),
  });
  return {
    faults: faults.list.map(faultLine),
    warnings: faults.warnings.map(faultLine),
    files: instances.map((instance) => (instance as KubernetesInstance).options.stateFile),
  };
};

describe('the state of a cluster', () => {
  it('is shared by all directives with that cluster, whichever of them says it', () => {
    const { faults, files } = read(['ttl 30', 'state /a', 'pods verified', 'state /a']);
    expect([faults, files]).toEqual([[], ['/a', '/a', null, '/a']]);
    expect(read(['state /a', 'pods verified\n    state /b']).files).toEqual(['/a', '/b']);
  });

  it('is kept in one file', () => {
    expect(read(['state /a', 'ttl 30\n    state /b']).faults).toEqual([
      'Corefile:11:11: plugin/kubernetes: the state of this cluster is kept in /a already (first defined at Corefile:4:11)',
    ]);
  });

  it('has a file of its own, however that is spelled', () => {
    expect(read(['state /a', 'pods verified\n    state /b/../a']).faults).toEqual([
      'Corefile:11:11: plugin/kubernetes: /a is the state of another cluster already (first defined at Corefile:4:11)',
    ]);
  });

  it('needs exactly one file', () => {
    expect(read(['state', 'state /a /b']).faults).toEqual([
      "Corefile:4:5: plugin/kubernetes: Error during parsing: Wrong argument count or unexpected line ending after 'state'",
      "Corefile:10:14: plugin/kubernetes: Error during parsing: Wrong argument count or unexpected line ending after '/b'",
    ]);
  });

  it('is not kept of manifests: a fault where they stand beside it, a warning where they are asked for with -manifests', () => {
    expect(read(['manifests examples\n    state /a']).faults).toEqual([
      'Corefile:5:5: plugin/kubernetes: state is of no use with manifests (remove it: manifests are there at every start)',
    ]);
    const { faults, warnings, files } = read(['state /a', 'state /b'], ['examples']);
    expect([faults, files]).toEqual([[], [null, null]]);
    expect(warnings[0]).toBe('Corefile:3:5: plugin/kubernetes: state is not used: the cluster is that of -manifests');
  });
});
