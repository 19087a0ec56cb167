// The packages whose code is in the bundle, and what their licences ask to be handed on with it.
import { readdirSync, readFileSync } from 'node:fs';

/** Name, version, licence, folder and files of each package that esbuild took something from, by folder. */
export const packagesIn = (metafile) => {
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
  const paths = inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path);
  const folders = new Set(paths.flatMap((path) => FOLDER.exec(path)?.[0] ?? [])); // the rest is our own
  return [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
    const files = new Set(paths.filter((path) => FOLDER.exec(path)?.[0] === folder));
    return { name, version, license, folder, files: [...files].sort() };
  });
};

/** The innermost package that a path lies in. */
const FOLDER = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/;

/** The texts of all licences. */
export const noticesOf = (packages) =>
  packages.map((bundled) => [titleOf(bundled), ...textsOf(bundled), ''].join('\n\n')).join(`${'-'.repeat(80)}\n`);

const titleOf = ({ name, version, license }) => `${name} ${version}, ${license}`;

const textsOf = ({ folder, files }) => {
  const licences = readdirSync(folder).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file));
  const texts = licences.sort().map((file) => readFileSync(`${folder}/${file}`, 'utf8').trim());
  return texts.length > 0 ? texts : [...new Set(files.map(headOf))];
};

/** The comment that a file begins with: there it is where a package has no file for it. */
const headOf = (file) => (/^(?:\/\/.*\n)+/.exec(readFileSync(file, 'utf8'))?.[0] ?? '').replace(/^\/\/ ?/gm, '').trim();
