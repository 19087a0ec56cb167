// What an image is made of: a CycloneDX document, and the texts of licences.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const json = (path) => JSON.parse(readFileSync(path, 'utf8'));

/**
 * cluster-dns with the packages that its bundle is made of (dist/third-party.json) and those beside it, Node.js with the libraries inside it,
 * and the Debian packages that `copied` files are from. Without a number and a date of its own: the same image has the same one.
 */
export const sbom = (copied, besides) => {
  const { name, version, license } = json('package.json');
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: { ...npmComponent({ name, version, license }), type: 'application' } },
    components: [
      ...[...json('dist/third-party.json'), ...besides.map((folder) => json(`${folder}/package.json`))].map(
        npmComponent,
      ),
      nodejs(),
      ...debianPackages(copied).map(debianComponent),
    ],
  };
};

const component = (purl, { name, version }) => ({ 'bom-ref': purl, type: 'library', name, version, purl });

const npmComponent = ({ name, version, license }) => ({
  ...component(`pkg:npm/${name.replace('@', '%40')}@${version}`, { name, version }),
  licenses: [{ expression: license }],
});

const nodejs = () => {
  // `modules` and `napi` are numbers of an interface.
  const { node, modules, napi, ...parts } = process.versions;
  const generic = (name, version) => component(`pkg:generic/${name}@${version}`, { name, version });
  return {
    ...generic('node', node),
    type: 'platform',
    licenses: [{ expression: 'MIT' }],
    components: Object.entries(parts)
      .filter(([, version]) => version !== '')
      .map(([name, version]) => generic(name, version)),
  };
};

const debianComponent = ({ name, version, architecture, source }) => {
  const release = /^VERSION_ID="?(.*?)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const purl = `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${architecture}&distro=debian-${release}`;
  return { ...component(purl, { name, version }), properties: [{ name: 'debian:source', value: source }] };
};

const query = (...args) => execFileSync('dpkg-query', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

const FIELDS = ['Package', 'Version', 'Architecture', 'source:Package'];

const debianPackages = (copied) => {
  const names = [...new Set([...copied].flatMap(packageOf))].sort();
  const format = `${FIELDS.map((field) => `\${${field}}`).join('\t')}\n`;
  return query('-W', '-f', format, ...names)
    .trim()
    .split('\n')
    .map((line) => {
      const [name, version, architecture, source] = line.split('\t');
      return { name, version, architecture, source };
    });
};

/** dpkg knows a file by the path that its package gave it, which may be one through a link of the root directory. */
const packageOf = (path) => {
  for (const candidate of new Set([path, path.replace(/^\/usr\//, '/')])) {
    try {
      const line = query('-S', candidate)
        .split('\n')
        .find((text) => !text.startsWith('diversion '));
      if (line !== undefined) return [line.slice(0, line.lastIndexOf(': '))];
    } catch {} // another path, or of no package: Node.js, a link of update-alternatives
  }
  return OF_SCRIPTS[path] ?? [];
};

/** What a package makes when it is installed. */
const OF_SCRIPTS = { '/etc/ssl/certs/ca-certificates.crt': ['ca-certificates'], '/etc/os-release': ['base-files'] };

/** The texts that licences ask to be handed on, but for those of the bundle, which has its own (dist/third-party-notices.txt). */
export const notices = (copied, besides) =>
  [
    ...besides.map((folder) => ({ title: folder, file: `${folder}/LICENSE.txt` })),
    { title: 'Node.js', file: '/usr/local/LICENSE' },
    ...debianPackages(copied).map(({ name }) => ({ title: name, file: `/usr/share/doc/${name}/copyright` })),
  ]
    .filter(({ file }) => existsSync(file))
    .map(({ title, file }) => `${'='.repeat(80)}\n${title}\n${'='.repeat(80)}\n${readFileSync(file, 'utf8')}`)
    .join('\n');
