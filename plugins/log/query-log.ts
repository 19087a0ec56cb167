import { isWithin, type Name } from '#dns/name.ts';
import type { Log } from '#log/log.ts';
import type { Next, Query, Reply, Services } from '#plugin/index.ts';
import { compileFormat, type Logged } from './format.ts';
import { classOf, type ReplyClass } from './reply-class.ts';
import type { LogRule } from './rules.ts';

interface CompiledRule {
  readonly zone: Name;
  readonly classes: ReadonlySet<ReplyClass> | null;
  readonly write: (logged: Logged) => string;
}

/** Writes a line for each query that a rule takes, once its reply is there. */
export class QueryLog {
  readonly #rules: readonly CompiledRule[];
  readonly #log: Log;
  readonly #clock: Services['clock'];

  constructor(rules: readonly LogRule[], { log, clock }: Pick<Services, 'log' | 'clock'>) {
    this.#rules = rules.map(({ zone, classes, format }) => ({ zone, classes, write: compileFormat(format) }));
    this.#log = log;
    this.#clock = clock;
  }

  handle(query: Query, next: Next): Reply | Promise<Reply> {
    const rule = this.#rules.find(({ zone }) => isWithin(query.name, zone));
    if (rule === undefined) return next(query);
    const startedMs = this.#clock.monotonicMs();
    const reply = next(query);
    if (reply instanceof Promise)
      return reply.then((settled) => {
        this.#write(rule, query, settled, startedMs);
        return settled;
      });
    this.#write(rule, query, reply, startedMs);
    return reply;
  }

  #write(rule: CompiledRule, query: Query, reply: Reply, startedMs: number): void {
    if (rule.classes !== null && !rule.classes.has(classOf(query, reply))) return;
    const durationMs = this.#clock.monotonicMs() - startedMs;
    this.#log.info(rule.write({ query, reply: reply.kind === 'drop' ? null : reply, durationMs }));
  }
}
