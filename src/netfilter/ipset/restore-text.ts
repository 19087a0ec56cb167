import { type IpSet, setOptions } from './ip-set.ts';

/** Input of `ipset restore` that leaves exactly these sets, whatever they held before. */
export const renderSets = (sets: Iterable<IpSet>): string => {
  const lines: string[] = [];
  for (const set of sets) {
    lines.push(`create ${set.name} ${setOptions(set)} -exist`, `flush ${set.name}`);
    for (const member of set.members) lines.push(`add ${set.name} ${member}`);
  }
  return withEnd(lines);
};

/** A set as the kernel has it. */
export interface SavedSet {
  readonly name: string;
  /** Of `create`, as far as `setOptions` writes them. */
  readonly options: string;
  readonly members: ReadonlySet<string>;
}

/** Reads `ipset save`; sets that `isOurs` does not take are passed over. */
export const parseSets = (text: string, isOurs: (name: string) => boolean): ReadonlyMap<string, SavedSet> => {
  const sets = new Map<string, { name: string; options: string; members: Set<string> }>();
  for (const line of text.split('\n')) {
    const [command, name = '', ...rest] = line.split(' ');
    if (!isOurs(name)) continue;
    if (command === 'create') sets.set(name, { name, options: withoutExtras(rest), members: new Set() });
    else if (command === 'add') sets.get(name)?.members.add(rest[0] ?? '');
  }
  return sets;
};

/** What `save` says of hash sets besides what they were created with. The hash size is where the set has grown to. */
const withoutExtras = (words: readonly string[]): string =>
  words
    .join(' ')
    .replace(/ (bucketsize|initval) \S+/g, '')
    .replace(/ hashsize \d+/, ' hashsize 1024');

/**
 * Input of `ipset restore` that brings the sets of `before` to those of `after`. A set that has to be created anew (it is full, or somebody
 * else made it otherwise) is filled beside and swapped in, so that rules which ask it see no moment without members.
 */
export const changeSets = (before: ReadonlyMap<string, SavedSet>, after: Iterable<IpSet>): string => {
  const lines: string[] = [];
  for (const set of after) {
    const known = before.get(set.name);
    const options = setOptions(set);
    if (known === undefined) {
      lines.push(`create ${set.name} ${options}`);
      for (const member of set.members) lines.push(`add ${set.name} ${member}`);
    } else if (known.options !== options && isTooSmallOrOther(known.options, options)) {
      lines.push(`create ${BESIDE} ${options}`);
      for (const member of set.members) lines.push(`add ${BESIDE} ${member}`);
      lines.push(`swap ${BESIDE} ${set.name}`, `destroy ${BESIDE}`);
    } else {
      for (const member of known.members) if (!set.members.has(member)) lines.push(`del ${set.name} ${member}`);
      for (const member of set.members) if (!known.members.has(member)) lines.push(`add ${set.name} ${member}`);
    }
  }
  return withEnd(lines);
};

const BESIDE = 'KUBE-BESIDE';

/** A set that may hold more than it has to is left as it is. */
const isTooSmallOrOther = (known: string, wanted: string): boolean => {
  const limit = / maxelem (\d+)/;
  return (
    known.replace(limit, '') !== wanted.replace(limit, '') ||
    Number(limit.exec(known)?.[1]) < Number(limit.exec(wanted)?.[1])
  );
};

const withEnd = (lines: readonly string[]): string => (lines.length === 0 ? '' : `${lines.join('\n')}\n`);
