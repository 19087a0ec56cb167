import { foldName, type Name } from '#dns/name.ts';
import { type ResourceRecord, targetOf } from '#dns/record.ts';
import { CLASS } from '#dns/registry/classes.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import type { Answer } from '#plugin/index.ts';

interface Question {
  readonly name: Name;
  readonly type: number;
  readonly class: number;
}

/**
 * True where a NOERROR reply has a record of the type asked for at the end of the CNAME chain that starts at QNAME (RFC 1034,
 * section 3.6.2; RFC 2308, section 2.2). An owner with two different targets or a chain that comes back to itself answers nothing.
 */
export const answersQuestion = (reply: Answer, question: Question): boolean => {
  const { answer } = reply;
  if (reply.rcode !== RCODE.NOERROR || answer.length === 0) return false;
  if (question.type === RR_TYPE.ANY) return answer.some((record) => isAt(record, question.name, question.class));
  if (question.type === RR_TYPE.CNAME) {
    const target = onlyTarget(answer, question.name, question.class);
    return target !== null && target !== undefined;
  }
  const end = endOfChain(answer, question);
  return end !== null && answer.some((record) => record.type === question.type && isAt(record, end, question.class));
};

const isAt = (record: ResourceRecord, owner: Name, klass: number): boolean =>
  (klass === CLASS.ANY || record.class === klass) && foldName(record.owner) === owner;

/** Name at which the CNAME chain ends; null where it has no single end. Each name is visited once, so it stops. */
const endOfChain = (answer: readonly ResourceRecord[], question: Question): Name | null => {
  const visited = new Set<Name>();
  let name = question.name;
  while (!visited.has(name)) {
    visited.add(name);
    const target = onlyTarget(answer, name, question.class);
    if (target === null) return null;
    if (target === undefined) return name;
    name = target;
  }
  return null;
};

/** The target that `owner` is an alias of; undefined where it is no alias, null where it has several (RFC 2181, section 10.1). */
const onlyTarget = (answer: readonly ResourceRecord[], owner: Name, klass: number): Name | null | undefined => {
  let target: Name | undefined;
  for (const record of answer) {
    if (record.type !== RR_TYPE.CNAME || !isAt(record, owner, klass)) continue;
    const next = foldName(targetOf(record));
    if (target !== undefined && target !== next) return null;
    target = next;
  }
  return target;
};
