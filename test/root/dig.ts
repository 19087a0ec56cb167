import { outcome } from '#test/command.ts';

/** What dig or kdig printed of one reply. */
export interface DigReply {
  readonly status: string;
  readonly flags: readonly string[];
  /** Records as text, in one line each with single spaces, in the order of the reply. */
  readonly answer: readonly string[];
  readonly authority: readonly string[];
  readonly additional: readonly string[];
  /** The EDNS line; '' where the reply has no OPT. */
  readonly edns: string;
  readonly text: string;
}

/** Runs `dig`, or `kdig`, once; rejects where no reply came. */
export const dig = async (args: readonly string[], command: 'dig' | 'kdig' = 'dig'): Promise<DigReply> => {
  const limits = args.some((arg) => arg.startsWith('+retry') || arg.startsWith('+tries')) ? [] : ['+retry=0'];
  const { code, stdout, stderr } = await outcome(command, [...limits, '+time=5', ...args]);
  const reply = readDig(stdout);
  if (code !== 0 || reply.status === '') throw new Error(`${command} ${args.join(' ')}: ${stdout}${stderr}`);
  return reply;
};

/** Reads the text form that dig and kdig share. */
export const readDig = (text: string): DigReply => ({
  status: /status: (\w+)/.exec(text)?.[1] ?? '',
  flags: (/^;; [Ff]lags: ([^;]*);/m.exec(text)?.[1] ?? '').trim().split(' '),
  answer: section(text, 'ANSWER'),
  authority: section(text, 'AUTHORITY'),
  additional: section(text, 'ADDITIONAL'),
  edns: /^;.*EDNS.*$/m.exec(text)?.[0] ?? /^;; Version: .*$/m.exec(text)?.[0] ?? '',
  text,
});

const section = (text: string, name: string): string[] => {
  const [, body = ''] = new RegExp(`^;; ${name} SECTION:\\n((?:[^;\\n].*\\n)*)`, 'm').exec(text) ?? [];
  return body
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.trim().replace(/\s+/g, ' '));
};

/** The part of records behind owner, TTL, class and type, sorted. */
export const dataOf = (records: readonly string[]): string[] =>
  records.map((record) => record.split(' ').slice(4).join(' ')).sort();

/** A reply without what differs from server to server: order, the SOA's serial, and the TTLs of what was forwarded. */
export const comparable = ({ status, flags, answer, authority, additional }: DigReply): unknown => {
  const plain = (records: readonly string[]): string[] =>
    records
      .map((record) => record.replace(/( SOA \S+ \S+) \d+/, '$1 SERIAL').replace(/^(\S+\.(?:com|org)\.) \d+/, '$1 TTL'))
      .toSorted();
  return { status, flags, answer: plain(answer), authority: plain(authority), additional: plain(additional) };
};
