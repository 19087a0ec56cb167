// Puts the file system of an image together, in the build's container: what is listed here, each library that it loads, and nothing else.
//
//   node image/assemble.mjs INTO [--tools]
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { notices, sbom } from './sbom.mjs';

const [into, tools] = process.argv.slice(2);
if (into === undefined) throw new Error('usage: node image/assemble.mjs INTO [--tools]');

/** Certificates for `forward` to `tls://`; what Node.js has built in is as old as Node.js. */
const DNS = ['/usr/local/bin/node', '/etc/ssl/certs/ca-certificates.crt', '/etc/os-release'];

/** What src/netfilter starts, a shell and `test` for exec probes, and the names of protocols that rules are written with. */
const TOOLS = [
  ...['nft', 'conntrack', 'ipset', 'ipvsadm', 'ip'],
  ...['', '-save', '-restore'].flatMap((act) =>
    ['', '-nft', '-legacy'].flatMap((variant) => [`iptables${variant}${act}`, `ip6tables${variant}${act}`]),
  ),
  ...['sh', 'test', 'sleep'],
].map((name) => which(name));
const DATA_OF_TOOLS = ['/etc/protocols', '/etc/services'];
const DIRECTORIES_OF_TOOLS = ['xtables'];

/** What the bundle leaves outside: koffi, and its package for this architecture. */
const KOFFI = 'node_modules/koffi';
const KOFFI_BINARY = `node_modules/@koromix/koffi-linux-${process.arch}`;

/** Files of the program: from the checkout, to /app. */
const PROGRAM = [
  ...['package.json', 'LICENSE', 'Corefile.example', 'examples', 'dist'],
  ...['package.json', 'index.js', 'index.cjs', 'src/koffi'].map((path) => join(KOFFI, path)),
  ...['package.json', 'index.js', `linux_${process.arch}`].map((path) => join(KOFFI_BINARY, path)),
];

/** Maps, of no use without a flag of Node.js's and twice the size of what runs, and what koffi is compiled from. */
const IS_LEFT_OUT = /\.map$|node_modules\/.*(?<!\.(?:js|cjs|json|node))$/;

function which(name) {
  const found = ['/usr/sbin', '/usr/bin'].map((directory) => join(directory, name)).find(existsSync);
  if (found === undefined && tools) throw new Error(`no ${name} in this container`);
  return found;
}

/** Real paths of all files of the base that were copied. */
const copied = new Set();

/** Copies a file of the base to its own place; of a link, each one on the way and what it leads to. */
const keep = (path) => {
  const place = join(realpathSync(dirname(path)), basename(path));
  if (copied.has(place)) return;
  copied.add(place);
  const there = join(into, place);
  mkdirSync(dirname(there), { recursive: true });
  if (lstatSync(place).isSymbolicLink()) {
    const target = readlinkSync(place);
    symlinkSync(target, there);
    keep(resolve(dirname(place), target));
    return;
  }
  copyFileSync(place, there);
  for (const library of librariesOf(place)) keep(library);
};

const ELF = '\x7fELF';

/** Where the loader finds the libraries of a program or library; itself, where it is a program. */
const librariesOf = (path) => {
  if (readFileSync(path).subarray(0, 4).toString('latin1') !== ELF) return [];
  const said = execFileSync('ldd', [path], { encoding: 'utf8' });
  if (said.includes('not found')) throw new Error(`${path}: ${said}`);
  return [...said.matchAll(/(\/\S+) \(0x/g)].map(([, library]) => library);
};

const copyTree = (from, to) => {
  if (lstatSync(from).isDirectory()) {
    for (const name of readdirSync(from)) copyTree(join(from, name), join(to, name));
    return;
  }
  if (IS_LEFT_OUT.test(from)) return;
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
  // Whatever the umask of the checkout: it is read by another user than its owner.
  chmodSync(to, 0o644);
};

const write = (path, text) => {
  mkdirSync(dirname(join(into, path)), { recursive: true });
  writeFileSync(join(into, path), text);
};

for (const path of DNS) keep(path);
if (tools) {
  for (const path of [...TOOLS, ...DATA_OF_TOOLS]) keep(path);
  const libraries = dirname([...copied].find((path) => path.includes('/libxtables.so')));
  for (const directory of DIRECTORIES_OF_TOOLS)
    for (const name of readdirSync(join(libraries, directory))) keep(join(libraries, directory, name));
}
for (const path of PROGRAM) copyTree(path, join(into, 'app', path));
for (const library of librariesOf(join(KOFFI_BINARY, `linux_${process.arch}/koffi.node`))) keep(library);
copyTree('image/healthcheck.mjs', join(into, 'app/healthcheck.mjs'));

// Debian's /bin, /lib and so on lead into /usr, and the loader is asked for by such a path.
for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
  if (!lstatSync(`/${name}`, { throwIfNoEntry: false })?.isSymbolicLink()) continue;
  const target = readlinkSync(`/${name}`);
  if (existsSync(join(into, target))) symlinkSync(target, join(into, name));
}

write('etc/passwd', 'root:x:0:0:root:/:/nonexistent\nnonroot:x:65532:65532:nonroot:/:/nonexistent\n');
write('etc/group', 'root:x:0:\nnonroot:x:65532:\n');
write('etc/nsswitch.conf', 'hosts: files dns\n');
write('app/sbom.cdx.json', `${JSON.stringify(sbom(copied, [KOFFI, KOFFI_BINARY]), null, 2)}\n`);
write('app/third-party-notices.txt', notices(copied, [KOFFI, KOFFI_BINARY]));

// The same tree gives the same layer, whenever it is built.
const settle = (path) => {
  if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) settle(join(path, name));
  lutimesSync(path, 0, 0);
};
settle(into);
