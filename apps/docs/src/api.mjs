// The API reference: one page an entry point of every published package, from the docstrings, into docs/api. A docstring whose link leads
// nowhere, or that names a parameter that there is not, ends the build.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { Application, Converter, ReflectionKind } from 'typedoc';
import { entryPoints, repositoryAddress, root } from '../../../tooling/packages.mjs';

const OUT = join(root, 'docs/api');

/** Writes docs/api anew. */
export async function writeApi() {
  rmSync(OUT, { recursive: true, force: true });
  // a name is documented where it comes first: in its own package before the umbrella, which lists it
  const entries = entryPoints().sort(
    (a, b) => Number(a.name.startsWith('diptych')) - Number(b.name.startsWith('diptych')),
  );
  const app = await Application.bootstrapWithPlugins({
    entryPoints: entries.map(({ source }) => source),
    tsconfig: join(root, 'tsconfig.base.json'),
    plugin: ['typedoc-plugin-markdown', 'typedoc-vitepress-theme'],
    basePath: root,
    out: OUT,
    docsRoot: join(root, 'docs'),
    readme: 'none',
    disableGit: true,
    sourceLinkTemplate: `${repositoryAddress()}/blob/main/{path}#L{line}`,
    skipErrorChecking: true, // `npm run typecheck` does
    excludeInternal: true,
    excludePrivate: true,
    outputFileStrategy: 'modules',
    entryFileName: 'index',
    hideBreadcrumbs: true,
    hidePageHeader: true,
    useHTMLEncodedBrackets: true,
    sanitizeComments: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    typeAliasPropertiesFormat: 'table',
    enumMembersFormat: 'table',
    validation: { invalidLink: true, notExported: false, notDocumented: false, invalidPath: true },
    logLevel: 'Warn',
  });
  nameByImport(app, new Map(entries.map(({ source, name }) => [relative(root, source), name])));
  // of a method that several interfaces describe one text is shown, whichever
  const { warn } = app.logger;
  app.logger.warn = (text, ...place) =>
    text.includes('multiple declarations with a comment') || warn.call(app.logger, text, ...place);
  const project = await app.convert();
  if (!project) throw new Error('typedoc could not read the packages');
  app.validate(project);
  await app.generateOutputs(project);
  if (app.logger.warningCount > 0 || app.logger.errorCount > 0)
    throw new Error('mend the docstrings that typedoc names above');
  for (const { name, readme, folder } of entries) if (readme) openWithReadme(name, readme, folder);
  mendAnchors(OUT);
}

/** Modules are called as they are imported, and members stand where they are declared, not again in each heir. */
function nameByImport(app, names) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
      const [source] = module.sources ?? [];
      module.name = names.get(source?.fileName) ?? module.name;
    }
    for (const member of project.getReflectionsByKind(ReflectionKind.ClassMember)) {
      if (member.inheritedFrom && !member.parent?.kindOf(ReflectionKind.Interface)) project.removeReflection(member);
    }
  });
}

/** A package's page begins with its README: its links to docs become links of the site. */
function openWithReadme(name, readme, folder) {
  const page = [join(OUT, `${name}.md`), join(OUT, name, 'index.md')].find(existsSync);
  const link = /(!?\[[^\]]*\])\((?!#|[a-z][a-z\d+.-]*:)([^)\s]+)\)/gi;
  const text = readFileSync(readme, 'utf8').replaceAll(link, (_, label, to) => {
    const path = posix.join(relative(root, folder), to);
    return path.startsWith('docs/')
      ? `${label}(${path.slice('docs'.length)})`
      : `${label}(${repositoryAddress()}/blob/main/${path})`;
  });
  const api = readFileSync(page, 'utf8').replace(/^# .*\n/, '');
  // its own headings and the symbols beside it
  writeFileSync(page, `---\noutline: [2, 4]\n---\n\n${text.trim()}\n\n## API\n${api.replaceAll(/^(#+ )/gm, '#$1')}`);
}

/**
 * typedoc counts rows of tables among the headings that share a name, and keeps underscores; VitePress does neither. Anchors of links are
 * made those of the headings, and rows that have a heading's name lose theirs.
 */
function mendAnchors(folder) {
  const pages = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.md'));
  const texts = new Map(pages.map((page) => [join(folder, page), readFileSync(join(folder, page), 'utf8')]));
  const headings = new Map([...texts].map(([file, text]) => [file, headingAnchors(text)]));
  for (const [file, text] of texts) {
    const own = headings.get(file);
    const rows = text.replaceAll(/<a id="([^"]+)"><\/a> ?/g, (row, id) => (own.has(id) ? '' : row));
    const links = rows.replaceAll(/\]\(([^()\s#:]*)#([^()\s]+)\)/g, (whole, to, anchor) => {
      const there = headings.get(to === '' ? file : join(dirname(file), to));
      const right = [anchor, anchor.replaceAll('_', '-'), anchor.replace(/-\d+$/, '')].find((name) => there?.has(name));
      return right ? `](${to}#${right})` : whole;
    });
    writeFileSync(file, links);
  }
}

/** What VitePress calls the headings of a page. */
function headingAnchors(text) {
  const found = new Set();
  for (const [, heading] of text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.+)$/gm)) {
    const plain = heading.replaceAll(/[`\\]|<[^>]*>/g, '');
    const slug = plain
      .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
      .replaceAll(/^-|-$/g, '')
      .toLowerCase();
    for (let i = 0; ; i++) {
      const anchor = i === 0 ? slug : `${slug}-${i}`;
      if (found.has(anchor)) continue;
      found.add(anchor);
      break;
    }
  }
  return found;
}

if (process.argv[1] === import.meta.filename) await writeApi();
