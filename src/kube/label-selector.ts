/** One condition on a label. `=` and `==` are `in` with one value. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'in' | 'notin' | 'exists' | '!';
  /** Sorted, each once; empty for `exists` and `!`. */
  readonly values: readonly string[];
}

/** Why a text is no label selector, in the words of Kubernetes' own parser. */
export class LabelSelectorError extends Error {
  readonly code = 'label-selector-invalid';
}

/** A label selector (`app=web,tier in (front,back),!canary`): an object must meet all of its requirements. */
export class LabelSelector {
  readonly requirements: readonly LabelRequirement[];
  /** Canonical text, as it goes to an API server: ordered by label, values sorted. '' where everything matches. */
  readonly text: string;

  constructor(requirements: readonly LabelRequirement[]) {
    this.requirements = [...requirements].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    this.text = this.requirements.map(requirementText).join(',');
  }

  matches(labels: Readonly<Record<string, string>>): boolean {
    return this.requirements.every((requirement) =>
      isMet(requirement, Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined),
    );
  }
}

const isMet = ({ operator, values }: LabelRequirement, value: string | undefined): boolean => {
  switch (operator) {
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    case 'in':
      return value !== undefined && values.includes(value);
    case 'notin':
      return value === undefined || !values.includes(value);
  }
};

const requirementText = ({ key, operator, values }: LabelRequirement): string => {
  if (operator === 'exists') return key;
  if (operator === '!') return `!${key}`;
  return operator === 'in' && values.length === 1 ? `${key}=${values[0]}` : `${key} ${operator} (${values.join(',')})`;
};

/**
 * Reads a label selector. Throws LabelSelectorError. `!=`, `<` and `>`, which the API knows in other places, are refused as
 * CoreDNS refuses them (apimachinery's `ParseToLabelSelector`).
 */
export const parseLabelSelector = (text: string): LabelSelector => {
  const requirements = new Parser(text).selector();
  const equal = new Map<string, LabelRequirement>();
  const others: LabelRequirement[] = [];
  for (const { key, operator, values } of requirements) {
    if (operator === '!=') throw new LabelSelectorError('"!=" is not a valid label selector operator');
    if (operator === '<' || operator === '>')
      throw new LabelSelectorError(`"${operator === '<' ? 'lt' : 'gt'}" isn't supported in label selectors`);
    // The last `=` for a label wins, as in the map that Kubernetes keeps them in.
    if (operator === '=') equal.set(key, { key, operator: 'in', values });
    else others.push({ key, operator, values });
  }
  return new LabelSelector([...equal.values(), ...others]);
};

interface ParsedRequirement {
  readonly key: string;
  readonly operator: LabelRequirement['operator'] | '=' | '!=' | '<' | '>';
  readonly values: readonly string[];
}

const TOKEN = /\s*(==|!=|[=!<>(),]|[^\s=!<>(),]+)/y;
const NAME = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const PREFIX = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const NAME_RULE =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

/** Reads `requirement { "," requirement }` by recursive descent. */
class Parser {
  readonly #text: string;
  readonly #tokens: string[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    TOKEN.lastIndex = 0;
    for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) this.#tokens.push(match[1] as string);
  }

  selector(): ParsedRequirement[] {
    const requirements: ParsedRequirement[] = [];
    while (this.#peek() !== '') {
      if (this.#peek() !== '!' && !this.#isWord())
        throw this.#fail(`found '${this.#peek()}', expected: !, identifier, or 'end of string'`);
      requirements.push(this.#requirement());
      const next = this.#next();
      if (next === '') break;
      if (next !== ',') throw this.#fail(`found '${next}', expected: ',' or 'end of string'`);
      if (this.#peek() !== '!' && !this.#isWord())
        throw this.#fail(`found '${this.#peek()}', expected: identifier after ','`);
    }
    return requirements;
  }

  #requirement(): ParsedRequirement {
    const isAbsent = this.#peek() === '!';
    if (isAbsent) this.#next();
    if (!this.#isWord()) throw this.#badRequirement(`found '${this.#peek()}', expected: identifier`);
    const key = this.#key(this.#next());
    if (isAbsent) return { key, operator: '!', values: [] };
    const operator = this.#peek();
    if (operator === '' || operator === ',') return { key, operator: 'exists', values: [] };
    this.#next();
    switch (operator) {
      case '=':
      case '==':
        return { key, operator: '=', values: [this.#value(key)] };
      case '!=':
      case '<':
      case '>':
        return { key, operator, values: [this.#value(key)] };
      case 'in':
      case 'notin':
        return { key, operator, values: this.#values(key) };
      default:
        throw this.#isWord(operator)
          ? this.#fail(`found '${operator}', expected: ',' or 'end of string'`)
          : this.#badRequirement(`found '${operator}', expected: in, notin, =, ==, !=, gt, lt`);
    }
  }

  #value(key: string): string {
    return this.#checked(key, this.#isWord() ? this.#next() : '');
  }

  #values(key: string): string[] {
    if (this.#peek() !== '(') throw this.#badRequirement(`found '${this.#peek()}' expected: '('`);
    this.#next();
    const values = new Set<string>();
    for (;;) {
      // An empty value may stand between commas.
      values.add(this.#value(key));
      const next = this.#next();
      if (next === ')') return [...values].sort();
      if (next !== ',') throw this.#badRequirement(`found '${next}', expected: ',' or ')'`);
    }
  }

  #key(key: string): string {
    const slash = key.indexOf('/');
    const name = key.slice(slash + 1);
    const isValid = NAME.test(name) && name.length <= 63 && (slash < 0 || PREFIX.test(key.slice(0, slash)));
    if (isValid) return key;
    throw this.#badRequirement(`<nil>: Invalid value: "${key}": name part ${NAME_RULE}`);
  }

  #checked(key: string, value: string): string {
    if (value === '' || (NAME.test(value) && value.length <= 63)) return value;
    throw this.#badRequirement(
      `values[0][${key}]: Invalid value: "${value}": a valid label must be an empty string or ${NAME_RULE.slice(5)}`,
    );
  }

  #peek(): string {
    return this.#tokens[this.#at] ?? '';
  }

  #next(): string {
    return this.#tokens[this.#at++] ?? '';
  }

  #isWord(token = this.#peek()): boolean {
    return token !== '' && !/^[=!<>(),]/.test(token);
  }

  #fail(reason: string): LabelSelectorError {
    return new LabelSelectorError(`couldn't parse the selector string "${this.#text}": ${reason}`);
  }

  #badRequirement(reason: string): LabelSelectorError {
    return this.#fail(`unable to parse requirement: ${reason}`);
  }
}
