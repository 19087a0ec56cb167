import { describe, expect, it } from 'vitest';
import { nodeOf } from '#test/kube-objects.ts';
import { ProxyFault } from './fault.ts';
import { chooseNode } from './node.ts';

const reading = (...names: string[]) => ({
  objects: names.map((name) => nodeOf(name)),
  title: 'examples',
  faults: [],
  notes: [],
});
const faultOf = (...names: string[]) => {
  try {
    chooseNode(reading(...names), 'node-9', 'here');
  } catch (error) {
    if (error instanceof ProxyFault) return error.lines;
  }
  return [];
};

describe('the node', () => {
  it('is the one that is named', () => {
    expect(chooseNode(reading('node-1', 'node-2'), 'node-2', 'here')).toMatchObject({ name: 'node-2', note: '' });
  });

  it('is this machine where none is named, or else the only one', () => {
    expect(chooseNode(reading('node-1', 'here'), '', 'Here').name).toBe('here');
    expect(chooseNode(reading('node-1'), '', 'here').name).toBe('node-1');
  });

  it('has to be named where there are several', () => {
    expect(() => chooseNode(reading('node-1', 'node-2'), '', 'here')).toThrow(
      'which node? Give --node NAME; examples has node-1, node-2',
    );
  });

  it('that is not there is refused, with those that are', () => {
    expect(faultOf('node-1', 'node-2')).toEqual([
      '--node node-9: examples has no such Node; it has node-1, node-2; did you mean "node-1"?',
    ]);
    const many = Array.from({ length: 20 }, (_, index) => `worker-${index}`);
    expect(faultOf(...many)[0]).toMatch(/it has worker-0, .*worker-7, and 12 more$/);
  });

  it('may be any where there are no Nodes, which is said', () => {
    expect(chooseNode(reading(), 'node-1', 'here')).toEqual({
      name: 'node-1',
      node: null,
      note: 'examples has no Node objects: node "node-1" is taken as one without addresses and zone',
    });
    expect(chooseNode(reading(), '', 'Here').name).toBe('here');
  });
});
