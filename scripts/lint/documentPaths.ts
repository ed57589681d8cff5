import fs from "node:fs";
import path from "node:path";

/** The pages whose paths must exist. Those in docs/ are found, not listed. */
const PAGES = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"];
const CODE_SPAN = /`([^`\n]+)`/g;
const LINK = /\]\(([^)\s#]+)(?:#[^)]*)?\)/g;
const FENCE = /^```.*?^```/gms;
const PATH_LIKE = /^\.?[\w.-]+(?:\/[\w.*<>-]+)+\/?$/;
const TOP_LEVEL = /^(?:\.ci|bin|contracts|docs|executor|models|scripts|test)$/;
/** Written when something runs; the page tells where to look then. */
const MADE_LATER = /^(?:dist|artifacts|cache|coverage|node_modules|\.assay)\b|^deployments\//;

export function documentPages(root: string): string[] {
  const docs = path.join(root, "docs");
  const pages = fs.existsSync(docs) ? fs.readdirSync(docs).filter((name) => name.endsWith(".md")) : [];
  return [...PAGES, ...pages.sort().map((name) => `docs/${name}`)].filter((page) =>
    fs.existsSync(path.join(root, page)),
  );
}

/** The paths of this repository that a page names: in code spans, where they begin with a folder of the top level, and in links. */
export function pathsIn(text: string): string[] {
  const prose = text.replace(FENCE, "");
  const spans = [...prose.matchAll(CODE_SPAN)]
    .map((match) => String(match[1]))
    .filter((span) => PATH_LIKE.test(span) && TOP_LEVEL.test(String(span.split("/")[0])));
  const links = [...prose.matchAll(LINK)].map((match) => String(match[1])).filter((link) => !/^[a-z]+:/i.test(link));
  return [...new Set([...spans, ...links])];
}

/** One line for each path that a page names and that is not there. `<name>` and `*` stand for one name that exists. */
export function missingPaths(root: string, pages: readonly string[] = documentPages(root)): string[] {
  return pages.flatMap((page) => {
    const text = fs.readFileSync(path.join(root, page), "utf8");
    return pathsIn(text)
      .filter((named) => !MADE_LATER.test(named) && !exists(root, page, named))
      .map((named) => `${page}: ${named} does not exist`);
  });
}

function exists(root: string, page: string, named: string): boolean {
  // A link is relative to its page, a code span to the clone; GitHub reads links that way.
  return matches(root, named) || matches(path.join(root, path.dirname(page)), named);
}

function matches(folder: string, named: string): boolean {
  const [head, ...rest] = named.split("/").filter((part) => part !== "");
  if (head === undefined) return true;
  if (!/[*<]/.test(head)) {
    const next = path.join(folder, head);
    return fs.existsSync(next) && matches(next, rest.join("/"));
  }
  const pattern = new RegExp(`^${head.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*|<[^>]*>/g, ".+")}$`);
  if (!fs.existsSync(folder) || !fs.statSync(folder).isDirectory()) return false;
  return fs.readdirSync(folder).some((name) => pattern.test(name) && matches(path.join(folder, name), rest.join("/")));
}
