import { describe, expect, it } from 'vitest';
import { definePlugin } from '#plugin/index.ts';
import { testServices } from '#plugin/testing.ts';
import { configure } from './configuration.ts';

const broken = definePlugin({
  name: 'broken',
  setup: () => {
    throw new Error('no luck');
  },
});
const fine = definePlugin({ name: 'fine', setup: () => ({}) });

describe('a configuration', () => {
  it('has a fault for a plugin that throws at its setup, with its name and place, and reads the others', () => {
    const { faults, instances } = configure({
      plugins: [broken, fine],
      services: testServices(),
      events: { dropped: () => undefined, panic: () => undefined },
      defaultPort: 53,
      defaultHosts: [''],
      file: 'Corefile',
      text: '. {\n  broken\n  fine\n}\n',
    });
    expect(faults.list).toMatchObject([
      { plugin: 'broken', message: 'setup failed: no luck', token: { line: 2, column: 3 } },
    ]);
    expect(instances).toHaveLength(1);
  });
});
