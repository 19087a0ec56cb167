import { CommandError, type CommandResult, type Run } from '#netfilter/run.ts';

type Words = readonly string[];

/** A machine with ip_vs in memory: does what its tools are told, and fails as they do where that is not possible. */
export class FakeIpvsKernel {
  /** Commands as they were run; texts that were loaded behind those. */
  readonly commands: string[] = [];
  /** By name: what it was created with, and its members. */
  readonly sets = new Map<string, { options: string; members: Set<string> }>();
  /** `-t ADDRESS:PORT` -> scheduling, and real servers' `ADDRESS:PORT` -> weight. */
  readonly services = new Map<string, { scheduling: string; real: Map<string, number> }>();
  addresses: Set<string> | null = null;
  /** Connections of `SERVICE ADDRESS:PORT`. */
  readonly connections = new Map<string, number>();
  /** `TABLE/CHAIN` -> rules. */
  readonly chains = new Map<string, string[]>(
    ['nat/PREROUTING', 'nat/OUTPUT', 'nat/POSTROUTING', 'filter/INPUT', 'filter/FORWARD', 'filter/OUTPUT'].map(
      (name) => [name, []],
    ),
  );
  /** Commands that are not installed. */
  readonly missing = new Set<string>();
  /** Fails the next run of this command line. */
  failNext = '';

  readonly run: Run = async (command, args, input = '') => {
    const text = typeof input === 'string' ? input : [...input].join('');
    const line = [command, ...args].join(' ');
    this.commands.push(text === '' ? line : `${line}\n${text}`);
    if (this.missing.has(command)) {
      const cause = Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
      throw new CommandError(command, null, `${command}: not found on the path`, cause);
    }
    if (this.failNext !== '' && line === this.failNext) {
      this.failNext = '';
      return { exitCode: 1, stdout: '', stderr: 'made to fail\n' };
    }
    try {
      return { exitCode: 0, stdout: this.#do(line, text), stderr: '' };
    } catch (error) {
      return { exitCode: 1, stdout: '', stderr: `${(error as Error).message}\n` } satisfies CommandResult;
    }
  };

  #do(line: string, text: string): string {
    const lines = text.split('\n').filter(Boolean);
    if (line === 'ipset restore') for (const each of lines) this.#ipset(each.split(' '));
    else if (line === 'ipset save') return this.#savedSets();
    else if (line === 'ipset list -name') return [...this.sets.keys(), ''].join('\n');
    else if (line === 'ipvsadm --restore') for (const each of lines) this.#ipvsadm(each);
    else if (line === 'ipvsadm --save -n') return this.savedServices();
    else if (line === 'ipvsadm --list -n') return this.#listedServices();
    else if (line === 'ipvsadm --clear') this.services.clear();
    else if (line.startsWith('ip ')) return this.#ip(line, lines);
    else if (/^ip6?tables-save/.test(line)) return this.savedTables();
    else if (/^ip6?tables-restore/.test(line)) this.#restoreTables(lines);
    return '';
  }

  #ipset([command, name = '', ...rest]: Words): void {
    const set = this.sets.get(name);
    if (command === 'create') {
      if (set !== undefined) throw new Error('set with the same name already exists');
      this.sets.set(name, { options: rest.join(' '), members: new Set() });
      return;
    }
    if (set === undefined) throw new Error(`The set with the given name does not exist: ${name}`);
    const [member = ''] = rest;
    if (command === 'add' && set.members.has(member)) throw new Error('it is already added');
    if (command === 'del' && !set.members.has(member)) throw new Error('it is not added');
    if (command === 'add') set.members.add(member);
    else if (command === 'del') set.members.delete(member);
    else if (command === 'destroy') this.sets.delete(name);
    else if (command === 'swap') {
      this.sets.set(name, this.sets.get(member) as typeof set);
      this.sets.set(member, set);
    }
  }

  #savedSets(): string {
    const lines: string[] = [];
    for (const [name, { options, members }] of this.sets) {
      lines.push(`create ${name} ${options}${options.startsWith('hash') ? ' bucketsize 12 initval 0x1' : ''}`);
      for (const member of members) lines.push(`add ${name} ${member}`);
    }
    return [...lines, ''].join('\n');
  }

  #ipvsadm(line: string): void {
    const [, command = '', option = '', socket = '', rest = ''] = /^(-\S+) (\S+) (\S+) ?(.*)$/.exec(line) ?? [];
    if (command === '--set') return;
    const name = `${option} ${socket}`;
    const service = this.services.get(name);
    const [, server = '', weight] = /^-r (\S+)(?: -m -w (\d+))?$/.exec(rest) ?? [];
    if ((command === '-A') !== (service === undefined))
      throw new Error(`${line}: Service ${service ? 'already exists' : 'not defined'}`);
    if (command === '-A') this.services.set(name, { scheduling: rest, real: new Map() });
    else if (command === '-E' && service) service.scheduling = rest;
    else if (command === '-D') this.services.delete(name);
    else if (service) {
      if ((command === '-a') === service.real.has(server))
        throw new Error(`${line}: Destination already exists, or none`);
      if (command === '-d') service.real.delete(server);
      else service.real.set(server, Number(weight));
    }
  }

  /** As `ipvsadm --save -n` tells. */
  savedServices(): string {
    const lines: string[] = [];
    for (const [name, { scheduling, real }] of this.services) {
      lines.push(`-A ${name} ${scheduling}`);
      for (const [server, weight] of real) lines.push(`-a ${name} -r ${server} -m -w ${weight}`);
    }
    return [...lines, ''].join('\n');
  }

  #listedServices(): string {
    const lines = ['Prot LocalAddress:Port Scheduler Flags'];
    for (const [name, { real }] of this.services) {
      const [option, socket] = name.split(' ');
      lines.push(`${option === '-t' ? 'TCP' : 'UDP'}  ${socket} rr`);
      for (const [server, weight] of real)
        lines.push(`  -> ${server} Masq ${weight} ${this.connections.get(`${name} ${server}`) ?? 0} 0`);
    }
    return lines.join('\n');
  }

  #ip(line: string, batch: Words): string {
    if (line === 'ip link add kube-ipvs0 type dummy') this.addresses = new Set();
    else if (line === 'ip --version') return '';
    else if (this.addresses === null) throw new Error('Device "kube-ipvs0" does not exist.');
    else if (line === 'ip link delete kube-ipvs0') this.addresses = null;
    else if (line.endsWith('address show dev kube-ipvs0'))
      return Array.from(this.addresses, (each) => `9: kube-ipvs0    inet ${each} scope global kube-ipvs0\n`).join('');
    for (const each of batch) {
      const [, verb, address = ''] = each.split(' ');
      if (verb === 'replace') this.addresses?.add(address);
      else if (!this.addresses?.delete(address)) throw new Error('Cannot assign requested address');
    }
    return '';
  }

  #restoreTables(lines: Words): void {
    let table = '';
    for (const line of lines) {
      const [command = '', chain = ''] = line.split(' ');
      const name = `${table}/${chain}`;
      const rules = this.chains.get(name);
      if (line.startsWith('*')) table = line.slice(1);
      else if (line.startsWith(':')) this.chains.set(`${table}/${command.slice(1)}`, []);
      else if (line === 'COMMIT') continue;
      else if (rules === undefined) throw new Error(`no chain ${name}`);
      else if (command === '-A') rules.push(line);
      else if (command === '-I') rules.unshift(line.replace('-I', '-A'));
      else if (command === '-D') rules.splice(rules.indexOf(line.replace('-D', '-A')), 1);
      else if (command === '-X') {
        if (this.#isUsed(table, chain)) throw new Error(`${chain} is in use`);
        this.chains.delete(name);
      }
    }
  }

  #isUsed(table: string, chain: string): boolean {
    const own = [...this.chains].filter(([name]) => name.startsWith(`${table}/`));
    return own.some(([, rules]) => rules.some((rule) => rule.endsWith(` -j ${chain}`)));
  }

  /** As iptables-save tells. */
  savedTables(): string {
    const text = (table: string): string => {
      const own = [...this.chains].filter(([name]) => name.startsWith(`${table}/`));
      const heads = own.map(([name]) => `:${name.slice(table.length + 1)} - [0:0]`);
      return [`*${table}`, ...heads, ...own.flatMap(([, rules]) => rules), 'COMMIT', ''].join('\n');
    };
    return text('nat') + text('filter');
  }
}
