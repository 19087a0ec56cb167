/** One condition on an object's labels. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'in' | 'notin' | 'exists' | 'not-exists';
  /** Sorted; empty for the two that ask for the key alone. */
  readonly values: readonly string[];
}

/** A label selector that was read: every requirement must hold. */
export interface LabelSelector {
  /** Sorted by key. */
  readonly requirements: readonly LabelRequirement[];
  /** The same selector in the form that is sent to an API server; '' selects all. */
  readonly text: string;
}

/**
 * Reads a selector such as `app=web,tier in (a, b),!legacy`; a fault comes back as text in the API's words.
 * `!=`, `<` and `>` are refused as CoreDNS refuses them (plugin/kubernetes/setup.go asks for the form that has only sets).
 */
export const parseLabelSelector = (text: string): LabelSelector | { readonly error: string } => {
  const parsed = new SelectorParser(text).parse();
  if ('error' in parsed) return { error: `couldn't parse the selector string "${text}": ${parsed.error}` };
  const unsupported = parsed.list.find((requirement) => !isSetOperator(requirement.operator));
  if (unsupported !== undefined) return { error: refusal(unsupported) };
  const requirements = onePerEquality(parsed.list).map(toRequirement).sort(byKey);
  return { requirements, text: requirements.map(formatRequirement).join(',') };
};

/** Whether every requirement of the selector holds for the labels. */
export const matchesLabels = (selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean =>
  selector.requirements.every((requirement) => holds(requirement, labels));

const holds = ({ key, operator, values }: LabelRequirement, labels: Readonly<Record<string, string>>): boolean => {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'in':
      return value !== undefined && values.includes(value);
    case 'notin':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case 'not-exists':
      return value === undefined;
  }
};

interface Parsed {
  readonly key: string;
  readonly operator: string;
  readonly values: readonly string[];
}

const isSetOperator = (operator: string): boolean => operator !== '!=' && operator !== '<' && operator !== '>';

const refusal = ({ key, operator, values }: Parsed): string =>
  operator === '!='
    ? `"!=" is not a valid label selector operator: write ${key} notin (${values.join(',')})`
    : `"${operator === '<' ? 'lt' : 'gt'}" isn't supported in label selectors`;

/** The API keeps equalities in a map by key, so the last one for a key wins. */
const onePerEquality = (list: readonly Parsed[]): Parsed[] =>
  list.filter(
    ({ key, operator }, index) =>
      operator !== '=' || !list.some((other, later) => later > index && other.operator === '=' && other.key === key),
  );

const toRequirement = ({ key, operator, values }: Parsed): LabelRequirement => ({
  key,
  operator: operator === '=' ? 'in' : (operator as LabelRequirement['operator']),
  values: [...new Set(values)].sort(),
});

const byKey = (a: LabelRequirement, b: LabelRequirement): number => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

const formatRequirement = ({ key, operator, values }: LabelRequirement): string => {
  switch (operator) {
    case 'exists':
      return key;
    case 'not-exists':
      return `!${key}`;
    case 'in':
      return values.length === 1 ? `${key}=${values[0]}` : `${key} in (${values.join(',')})`;
    case 'notin':
      return `${key} notin (${values.join(',')})`;
  }
};

const OPERATORS: ReadonlyMap<string, string> = new Map([
  ['=', '='],
  ['==', '='],
  ['!=', '!='],
  ['<', '<'],
  ['>', '>'],
  ['in', 'in'],
  ['notin', 'notin'],
]);
const SYMBOLS = new Set(['=', '==', '!=', '!', '(', ')', ',', '<', '>']);

class SelectorFault extends Error {}

class SelectorParser {
  readonly #tokens: readonly string[];
  #next = 0;

  constructor(text: string) {
    this.#tokens = text.match(/==|!=|[=!(),<>]|[^\s=!(),<>]+/g) ?? [];
  }

  parse(): { readonly list: readonly Parsed[] } | { readonly error: string } {
    try {
      return { list: this.#all() };
    } catch (error) {
      if (error instanceof SelectorFault) return { error: error.message };
      throw error;
    }
  }

  #all(): Parsed[] {
    const list: Parsed[] = [];
    if (this.#peek() === '') return list;
    if (!this.#isTerm())
      throw new SelectorFault(`found '${this.#peek()}', expected: !, identifier, or 'end of string'`);
    for (;;) {
      list.push(this.#requirement());
      const separator = this.#take();
      if (separator === '') return list;
      if (separator !== ',') throw new SelectorFault(`found '${separator}', expected: ',' or 'end of string'`);
      if (!this.#isTerm()) throw new SelectorFault(`found '${this.#peek()}', expected: identifier after ','`);
    }
  }

  #requirement(): Parsed {
    const isNegated = this.#peek() === '!';
    if (isNegated) this.#take();
    const key = this.#take();
    if (!isIdentifier(key)) throw fault(`found '${key}', expected: identifier`);
    const keyFault = labelKeyFault(key);
    if (keyFault !== '') throw fault(keyFault);
    if (isNegated) return { key, operator: 'not-exists', values: [] };
    if (this.#peek() === '' || this.#peek() === ',') return { key, operator: 'exists', values: [] };
    const word = this.#take();
    const operator = OPERATORS.get(word);
    if (operator === undefined) throw fault(`found '${word}', expected: in, notin, =, ==, !=, gt, lt`);
    const values = operator === 'in' || operator === 'notin' ? this.#valueSet() : [this.#value()];
    for (const value of values) {
      const valueFault = labelValueFault(value);
      if (valueFault !== '') throw fault(`values[0][${key}]: ${valueFault}`);
    }
    return { key, operator, values };
  }

  #value(): string {
    if (this.#peek() === '' || this.#peek() === ',') return '';
    const value = this.#take();
    if (!isIdentifier(value)) throw fault(`found '${value}', expected: identifier`);
    return value;
  }

  /** `(a, b)`; nothing between two commas is the empty value. */
  #valueSet(): string[] {
    const open = this.#take();
    if (open !== '(') throw fault(`found '${open}' expected: '('`);
    const values: string[] = [];
    for (let isFirst = true; ; isFirst = false) {
      const token = this.#take();
      if (token === ')' || token === ',') values.push('');
      else if (isIdentifier(token)) values.push(token);
      else throw fault(`found '${token}', expected: ${isFirst ? "',', ')' or identifier" : "',', or identifier"}`);
      const separator = isIdentifier(token) ? this.#take() : token;
      if (separator === ')') return values;
      if (separator !== ',') throw fault(`found '${separator}', expected: ',' or ')'`);
    }
  }

  #isTerm(): boolean {
    return this.#peek() === '!' || isIdentifier(this.#peek());
  }

  #peek(): string {
    return this.#tokens[this.#next] ?? '';
  }

  #take(): string {
    const token = this.#peek();
    this.#next++;
    return token;
  }
}

const fault = (message: string): SelectorFault => new SelectorFault(`unable to parse requirement: ${message}`);

const isIdentifier = (token: string): boolean => token !== '' && !SYMBOLS.has(token);

const NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const PREFIX = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** What is wrong with a label's key, '' where nothing is. */
export const labelKeyFault = (key: string): string => {
  const parts = key.split('/');
  const name = parts.at(-1) ?? '';
  const prefix = parts.length === 2 ? parts[0] : undefined;
  const isPrefixGood = prefix === undefined ? parts.length === 1 : prefix.length <= 253 && PREFIX.test(prefix);
  return isPrefixGood && NAME.test(name)
    ? ''
    : `Invalid value: "${key}": a label's key is a name of at most 63 letters, digits, '-', '_' and '.', with an optional DNS prefix and '/'`;
};

/** What is wrong with a label's value, '' where nothing is. */
export const labelValueFault = (value: string): string =>
  value === '' || NAME.test(value)
    ? ''
    : `Invalid value: "${value}": a label's value is at most 63 letters, digits, '-', '_' and '.', with a letter or digit first and last`;
